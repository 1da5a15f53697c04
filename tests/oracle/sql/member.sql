-- Grain: one user who counts in the marts of users, as the version of the last closed day shows them.
with sign_up as (
    select user_key, day
    from activity
    where kind = 'sign_up'
),

told as (
    select version.* replace (ever.is_declared_churned as is_declared_churned)
    from version
    join version as ever on ever.user_key = version.user_key and ever.is_current
    cross join closed
    where version.valid_from < closed.open_from
    qualify row_number() over (partition by version.user_key order by version.valid_from desc) = 1
)

select
    told.user_key,
    told.region,
    told.gender,
    told.age_band,
    told.segment,
    told.status,
    told.channel,
    told.is_declared_churned,
    sign_up.day as sign_up_date
from told
left join sign_up using (user_key)
cross join as_of
where sign_up.day is null or sign_up.day <= as_of.day
