-- One row per pending source row.
select *, coalesce(_extract_date, date(_ingested_at)) as latest_date
from admission_records
