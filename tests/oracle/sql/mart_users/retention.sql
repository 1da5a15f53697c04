with cohort_user as (
    select
        user_key,
        region,
        cast(date_trunc('month', sign_up_date) as date) as cohort_month,
        cast(date_trunc('month', day) as date) as month
    from member_activity
    where day >= sign_up_date
),

cohort as (
    select cohort_month, region, count(distinct user_key) as cohort_users
    from cohort_user
    group by all
),

observed as (
    select cohort.*, member_month.month, member_month.is_complete
    from cohort
    join member_month on member_month.month >= cohort.cohort_month
),

active as (
    select cohort_month, region, month, count(distinct user_key) as active_users
    from cohort_user
    group by all
),

last_seen as (
    select cohort_month, region, user_key, max(month) as last_month
    from cohort_user
    cross join closed
    where month < open_from
    group by all
),

retained as (
    select observed.cohort_month, observed.region, observed.month, count(*) as retained_users
    from observed
    join last_seen
        on last_seen.cohort_month = observed.cohort_month
        and last_seen.region = observed.region
        and last_seen.last_month >= observed.month
    group by all
)

select
    cohort_month,
    region,
    cast(datediff('month', cohort_month, month) as integer) as months_since,
    cohort_users,
    coalesce(active_users, 0) as active_users,
    coalesce(retained_users, 0) as retained_users,
    coalesce(active_users, 0) / cast(cohort_users as double) as active_rate,
    coalesce(retained_users, 0) / cast(cohort_users as double) as retention_rate,
    is_complete
from observed
left join active using (cohort_month, region, month)
left join retained using (cohort_month, region, month)
