-- One row per person of the pending rows.
select distinct user_key, xxhash64(user_key) as durable_user_key
from events
where user_key is not null
