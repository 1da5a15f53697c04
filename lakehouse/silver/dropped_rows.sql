-- One row per source row that was dropped.
select _batch_id, _file, _row, 'duplicate' as outcome, user_key
from purchase_lines
where copy > 1 and duplicates = 'drop'
