-- One row per source row that broke a quarantine rule.
select _batch_id, _file, _row, reasons, patient_key
from patient_rows
where not accepts_patient
