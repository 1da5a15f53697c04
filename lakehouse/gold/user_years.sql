-- One row per user and year with an activity or a sale.
-- A year of a user: the months as twelve bits, January the lowest, and the days of the user's lifecycle, as date keys.
-- Queries for a user's days or months read a few of these rows instead of every activity and sale.
with

happened as (
    select
        durable_user_key,
        date_key,
        is_after_sign_up,
        is_after_sign_up and kind = 'purchase' as is_purchase,
        false as is_sale
    from fact_user_activity
    union all
    select durable_user_key, date_key, false as is_after_sign_up, false as is_purchase, true as is_sale
    from fact_sales
    where quantity > 0
),

-- By user from here on: neither this table nor those made from it move a row again.
dated as (
    select /*+ repartition(durable_user_key) */
        durable_user_key,
        date_key,
        year_of(date_key) as year,
        month_bit(date_key) as month_bit,
        date_key <= date_key(:up_to) as has_happened,
        is_after_sign_up,
        is_purchase,
        is_sale
    from happened
)

select
    durable_user_key,
    year,
    bit_or(if(has_happened, month_bit, 0)) as active_months,
    bit_or(if(has_happened and is_after_sign_up, month_bit, 0)) as member_months,
    bit_or(if(has_happened and is_sale, month_bit, 0)) as buyer_months,
    -- The day of the sign-up always has an activity: the sign-up itself or, if none is stated, the first one.
    min(if(is_after_sign_up, date_key, null)) as signed_up,
    max(if(has_happened and is_purchase, date_key, null)) as last_purchase,
    min(if(has_happened and is_sale, date_key, null)) as first_sale
from dated
group by durable_user_key, year
