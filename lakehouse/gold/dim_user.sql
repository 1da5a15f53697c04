-- One row per version of a user.
-- The versions of all users, or of those who restricted the use of their data or objected to it.
with restricted as (
    select distinct user_key from restrictions
),

observations as (
    select /*+ broadcast(restricted) */
        users.user_key,
        xxhash64(users.user_key) as durable_user_key,
        users.observed_on,
        struct(gender, age_band, country_code, status, segment, channel, purchase_frequency) as attributes
    from users
    left join restricted on users.user_key = restricted.user_key
    where (restricted.user_key is not null) = :is_restricted
),

compared as (
    select
        user_key, durable_user_key, observed_on, attributes,
        lag(attributes) over (partition by durable_user_key order by observed_on) as attributes_before
    from observations
),

-- A struct is never NULL as a whole, so a missing neighbour is a user's first observation.
beginnings as (
    select
        user_key, durable_user_key, attributes,
        case when attributes_before is null then date'1900-01-01' else observed_on end as valid_from
    from compared
    where not (attributes <=> attributes_before)
),

versions as (
    select
        user_key, durable_user_key, attributes, valid_from,
        lead(valid_from) over (partition by durable_user_key order by valid_from) as valid_to
    from beginnings
)

select
    xxhash64(user_key, valid_from) as user_version_key,
    durable_user_key,
    user_key,
    valid_from,
    valid_to,
    valid_to is null as is_current,
    coalesce(attributes.gender, 'Unknown') as gender,
    attributes.age_band,
    coalesce(attributes.country_code, 'Unknown') as country_code,
    coalesce(attributes.status, 'Unknown') as status,
    coalesce(attributes.segment, 'Unknown') as segment,
    coalesce(attributes.channel, 'Unknown') as channel,
    coalesce(attributes.purchase_frequency, 'Unknown') as purchase_frequency,
    if(attributes.country_code is null, :unknown_dim_geography, xxhash64(attributes.country_code)) as geography_key,
    if(attributes.channel is null, :unknown_dim_channel, xxhash64(attributes.channel)) as channel_key
from versions
