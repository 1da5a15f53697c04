-- One row per user.
-- The user marts' data on a user: who, since when, until when. Minors show neither segment, status nor channel.
-- Attributes are those at the end of the last closed month, so that today's change does not show as a difference to
-- yesterday's marts. The source's statement that a user has churned is today's: a sum of the lake, which stays exact.
with

lifecycle as (
    select
        durable_user_key,
        min(signed_up) as signed_up,
        max(last_active) as last_active,
        max(last_purchase) as last_purchase,
        min(first_sale) as first_sale
    from user_years
    group by durable_user_key
),

-- From date keys to dates.
dated as (
    select
        durable_user_key,
        date_of(signed_up) as sign_up_date,
        month_of(last_active) as last_active_month,
        date_of(last_purchase) as last_purchase_date,
        month_of(first_sale) as first_sale_month
    from lifecycle
),

members as (
    select
        durable_user_key,
        sign_up_date,
        last_active_month,
        first_sale_month,
        date_add(coalesce(last_purchase_date, sign_up_date), :churn_inactivity_days) as churn_date
    from dated
),

versions as (
    select
        durable_user_key,
        geography_key,
        gender,
        age_band,
        segment,
        status,
        channel,
        valid_from,
        valid_to,
        bool_or(is_current and status = 'Churned') over (partition by durable_user_key) as is_declared_churned
    from dim_user
    where durable_user_key not in (:unknown_dim_user, :restricted_dim_user)
),

current_users as (
    select
        versions.durable_user_key,
        dim_geography.region,
        versions.gender,
        versions.age_band,
        versions.segment,
        versions.status,
        versions.channel,
        versions.is_declared_churned,
        versions.age_band = '15-17' as is_minor
    from versions
    join dim_geography using (geography_key)
    cross join disclosure
    where versions.valid_from < disclosure.open_from
        and (versions.valid_to is null or versions.valid_to >= disclosure.open_from)
)

select
    current_users.durable_user_key,
    current_users.region,
    current_users.gender,
    current_users.age_band,
    if(current_users.is_minor, 'Other', current_users.segment) as segment,
    if(current_users.is_minor, 'Other', current_users.status) as status,
    if(current_users.is_minor, 'Other', current_users.channel) as channel,
    current_users.is_declared_churned,
    members.sign_up_date,
    trunc(members.sign_up_date, 'month') as cohort_month,
    members.last_active_month,
    members.first_sale_month,
    if(members.churn_date <= :as_of, members.churn_date, null) as churn_date
from current_users
left join members using (durable_user_key)
where members.sign_up_date is null or members.sign_up_date <= :as_of
