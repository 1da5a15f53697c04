-- One row per channel.
select distinct xxhash64(channel) as channel_key, channel
from users
where channel is not null
