with signed_up as (
    select
        cast(date_trunc('month', sign_up_date) as date) as month,
        region,
        channel,
        count(*) as sign_ups,
        count(*) filter (where is_declared_churned) as declared_churned
    from member
    where sign_up_date is not null
    group by all
),

churned as (
    select cast(date_trunc('month', churn_day.day) as date) as month, region, channel, count(*) as churned_users
    from churn_day
    join member using (user_key)
    where churn_day.day is not null
    group by all
),

filled as (
    select
        member_grid.*,
        coalesce(sign_ups, 0) as sign_ups,
        coalesce(churned_users, 0) as churned_users,
        coalesce(declared_churned, 0) as declared_churned
    from member_grid
    left join signed_up using (month, region, channel)
    left join churned using (month, region, channel)
),

counted as (
    select
        *,
        cast(
            sum(sign_ups - churned_users) over (partition by region, channel order by month) as bigint
        ) as users_at_end
    from filled
)

select
    month,
    region,
    channel,
    users_at_end - sign_ups + churned_users as users_at_start,
    sign_ups,
    churned_users,
    users_at_end,
    case
        when users_at_end - sign_ups + churned_users > 0
        then churned_users / cast(users_at_end - sign_ups + churned_users as double)
    end as churn_rate,
    declared_churned,
    is_complete
from counted
