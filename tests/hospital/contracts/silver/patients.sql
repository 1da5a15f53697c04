-- One row per patient.
with stated as (
    select patient_key, latest_date as seen_on, birth_year, district from patient_rows where accepts_patient
    union all
    select patient_key, seen_on, birth_year, district from known_patients
),

newest as (
    select patient_key, max(struct(seen_on, birth_year, district)) as record
    from stated
    group by patient_key
)

select patient_key, record.seen_on, record.birth_year, record.district
from newest
