-- Users who were active in a month. A user belongs to one cohort and one region, so these distinct counts may be summed
-- over both (never over months).
with

activity as (
    select durable_user_key, date_key, is_after_sign_up, false as is_sale
    from fact_user_activity
    union all
    select durable_user_key, date_key, false as is_after_sign_up, true as is_sale
    from fact_sales
    where quantity > 0
),

user_months as (
    select
        activity.durable_user_key,
        dim_date.month_start as month,
        some(activity.is_after_sign_up) as is_member,
        some(activity.is_sale) as is_buyer
    from activity
    join dim_date using (date_key)
    where dim_date.date <= :as_of
    group by activity.durable_user_key, dim_date.month_start
)

-- One partition: a few thousand rows, and no mart that reads them has to shuffle.
select /*+ coalesce(1) */
    user_lifecycle.cohort_month,
    user_lifecycle.region,
    user_months.month,
    count(*) as active_users,
    count_if(user_months.is_member) as active_members,
    count_if(user_months.is_buyer) as buyers,
    count_if(user_months.month = user_lifecycle.first_sale_month) as new_buyers,
    count_if(user_months.month = user_lifecycle.last_active_month) as last_seen_members
from user_months
join user_lifecycle using (durable_user_key)
group by user_lifecycle.cohort_month, user_lifecycle.region, user_months.month
