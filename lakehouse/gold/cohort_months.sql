-- One row per month of sign-up, region, span of months, month with an activity and next month with one.
select
    user_months.cohort_month,
    user_spans.region,
    user_spans.told_from,
    user_spans.told_to,
    user_months.month,
    if(user_months.is_member, user_months.next_month, never()) as next_month,
    count(*) as active_users,
    count_if(user_months.is_member) as active_members,
    count_if(user_months.is_buyer) as buyers,
    count_if(user_months.is_first_sale) as new_buyers
from user_months
join user_spans using (durable_user_key)
group by all
