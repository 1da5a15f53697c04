-- One row per combination of attributes, month of sign-up and span of months in which a user has them.
select
    user_versions.region,
    user_versions.gender,
    user_versions.age_band,
    user_versions.segment,
    user_versions.status,
    coalesce(trunc(user_lifecycle.sign_up_date, 'month'), never()) as sign_up_month,
    user_versions.told_from,
    user_versions.told_to,
    count(*) as users
from user_versions
left join user_lifecycle using (durable_user_key)
where user_lifecycle.sign_up_date is null or user_lifecycle.sign_up_date <= :up_to
group by all
