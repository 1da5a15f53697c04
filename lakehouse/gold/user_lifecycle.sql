-- What the user marts know of a user: who, since when, until when. Minors show neither segment, status nor channel.
with

activity as (
    select durable_user_key, date_key, is_after_sign_up, is_after_sign_up and kind = 'purchase' as is_purchase, false as is_sale
    from fact_user_activity
    union all
    select durable_user_key, date_key, false as is_after_sign_up, false as is_purchase, true as is_sale
    from fact_sales
    where quantity > 0
),

dated_activity as (
    select
        activity.durable_user_key,
        dim_date.date as day,
        dim_date.date <= :as_of as has_happened,
        activity.is_after_sign_up,
        activity.is_purchase,
        activity.is_sale
    from activity
    join dim_date using (date_key)
),

lifecycle as (
    select
        durable_user_key,
        -- The day of the sign-up always has an activity: the sign-up itself or, where none is stated, the first one.
        min(day) filter (where is_after_sign_up) as sign_up_date,
        max(day) filter (where is_after_sign_up and has_happened) as last_active_date,
        max(day) filter (where is_purchase and has_happened) as last_purchase_date,
        min(day) filter (where is_sale and has_happened) as first_sale_date
    from dated_activity
    group by durable_user_key
),

members as (
    select
        durable_user_key,
        sign_up_date,
        last_active_date,
        first_sale_date,
        date_add(coalesce(last_purchase_date, sign_up_date), :churn_inactivity_days) as churn_date
    from lifecycle
),

current_users as (
    select
        dim_user.durable_user_key,
        dim_geography.region,
        dim_user.gender,
        dim_user.age_band,
        dim_user.segment,
        dim_user.status,
        dim_user.channel,
        dim_user.age_band = '15-17' as is_minor
    from dim_user
    join dim_geography using (geography_key)
    where dim_user.is_current and dim_user.durable_user_key not in (-1, -2)
)

select
    current_users.durable_user_key,
    current_users.region,
    current_users.gender,
    current_users.age_band,
    if(current_users.is_minor, 'Other', current_users.segment) as segment,
    if(current_users.is_minor, 'Other', current_users.status) as status,
    if(current_users.is_minor, 'Other', current_users.channel) as channel,
    current_users.status = 'Churned' as is_declared_churned,
    members.sign_up_date,
    trunc(members.sign_up_date, 'month') as cohort_month,
    trunc(members.last_active_date, 'month') as last_active_month,
    trunc(members.first_sale_date, 'month') as first_sale_month,
    if(members.churn_date <= :as_of, members.churn_date, null) as churn_date
from current_users
left join members using (durable_user_key)
where members.sign_up_date is null or members.sign_up_date <= :as_of
