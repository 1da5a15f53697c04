-- Users at the start of a month, those who came, those who went, those who are left.
with

balances as (
    select
        month,
        region,
        channel,
        sign_ups,
        churned_users,
        declared_churned,
        is_complete,
        sum(sign_ups - churned_users) over (
            partition by region, channel order by month rows unbounded preceding
        ) as users_at_end
    from membership_monthly
),

openings as (
    select
        month,
        region,
        channel,
        users_at_end - sign_ups + churned_users as users_at_start,
        sign_ups,
        churned_users,
        users_at_end,
        declared_churned,
        is_complete
    from balances
)

select
    month,
    region,
    channel,
    users_at_start,
    sign_ups,
    churned_users,
    users_at_end,
    double(churned_users) / nullif(users_at_start, 0) as churn_rate,
    declared_churned,
    is_complete
from openings
