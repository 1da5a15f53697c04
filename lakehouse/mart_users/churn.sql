-- Users at the start of a month, those who came, those who went, those who are left.
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
from membership_shown
