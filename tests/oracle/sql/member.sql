-- Grain: one user who counts in the marts of users, as the current version shows them.
with sign_up as (
    select user_key, day
    from activity
    where kind = 'sign_up'
)

select
    version.user_key,
    version.region,
    version.gender,
    version.age_band,
    version.segment,
    version.status,
    version.channel,
    version.is_declared_churned,
    sign_up.day as sign_up_date
from version
left join sign_up using (user_key)
cross join as_of
where version.is_current and (sign_up.day is null or sign_up.day <= as_of.day)
