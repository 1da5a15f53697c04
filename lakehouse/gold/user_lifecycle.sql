-- One row per user who has done anything.
with

keys as (
    select
        durable_user_key,
        min(signed_up) as signed_up,
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
        date_of(last_purchase) as last_purchase_date,
        month_of(first_sale) as first_sale_month
    from keys
)

select
    durable_user_key,
    sign_up_date,
    first_sale_month,
    date_add(coalesce(last_purchase_date, sign_up_date), :churn_inactivity_days) as churn_date
from dated
