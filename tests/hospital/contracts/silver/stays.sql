-- One row per accepted source row.
select _batch_id, _file, _row, patient_key, coalesce(ward, 'Unknown') as ward, admitted_on, left_on
from admission_rows
where accepts_stay
