with reach as (
    select date_trunc('month', min(member_activity.day)) as first_month, any_value(as_of.day) as as_of
    from member_activity
    cross join as_of
),

grid as (
    select
        cast(unnest(generate_series(first_month, cast(as_of as timestamp), interval 1 month)) as date) as month,
        region
    from reach
    cross join region
),

active as (
    select
        cast(date_trunc('month', day) as date) as month,
        region,
        count(distinct user_key) as active_users
    from member_activity
    group by all
),

bought as (
    select distinct user_key, member.region, cast(date_trunc('month', sale.day) as date) as month
    from sale
    join member using (user_key)
    where is_sale
),

counted as (
    select
        month,
        region,
        count(*) as buyers,
        count(*) filter (where is_first) as new_buyers
    from (select *, month = min(month) over (partition by user_key) as is_first from bought) as marked
    group by all
)

select
    month,
    region,
    coalesce(active_users, 0) as active_users,
    coalesce(buyers, 0) as buyers,
    coalesce(new_buyers, 0) as new_buyers,
    coalesce(buyers - new_buyers, 0) as repeat_buyers,
    coalesce(is_complete, false) as is_complete
from grid
left join active using (month, region)
left join counted using (month, region)
left join member_month using (month)
