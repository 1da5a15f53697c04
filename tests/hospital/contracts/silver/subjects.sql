-- One row per patient of the pending rows.
select patient_key from patient_rows where patient_key is not null
union
select patient_key from admission_rows where patient_key is not null
