-- One row per ward.
select distinct ward_key(ward) as ward_key, ward
from stays
where ward <> 'Unknown'
