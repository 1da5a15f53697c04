-- One row per stay.
select
    xxhash64(stays._batch_id, stays._file, stays._row) as stay_key,
    stays.patient_key,
    if(stays.ward = 'Unknown', :unknown_dim_ward, ward_key(stays.ward)) as ward_key,
    stays.admitted_on,
    datediff(stays.left_on, stays.admitted_on) as nights,
    patients.patient_key is not null as is_registered
from stays
left join patients on stays.patient_key = patients.patient_key
