-- One row per accepted source row.
select _batch_id, _file, _row, patient_key
from patient_rows
where accepts_patient
