-- Grain: user with a sign-up date; NULL where the user has not churned by the as-of date.
with last_purchase as (
    select user_key, max(day) as day
    from member_activity
    where kind = 'purchase' and day >= sign_up_date
    group by user_key
),

due as (
    select
        user_key,
        coalesce(last_purchase.day, member.sign_up_date) + parameter.churn_inactivity_days as day
    from member
    left join last_purchase using (user_key)
    cross join parameter
    where member.sign_up_date is not null
)

select user_key, case when due.day <= as_of.day then due.day end as day
from due
cross join as_of
