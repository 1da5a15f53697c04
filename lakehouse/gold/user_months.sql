-- One row per user and month with an activity or a sale.
with

months_of_users as (
    select
        user_years.durable_user_key,
        trunc(user_lifecycle.sign_up_date, 'month') as cohort_month,
        user_lifecycle.first_sale_month,
        user_years.year,
        user_years.active_months,
        user_years.member_months,
        user_years.buyer_months,
        explode(array(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)) as place -- of the month among the bits of a year
    from user_years
    join user_lifecycle using (durable_user_key)
    where user_lifecycle.sign_up_date <= :up_to
),

active as (
    select
        durable_user_key,
        cohort_month,
        first_sale_month,
        make_date(year, place + 1, 1) as month,
        member_months & (1 << place) <> 0 as is_member,
        buyer_months & (1 << place) <> 0 as is_buyer
    from months_of_users
    where active_months & (1 << place) <> 0
)

select
    durable_user_key,
    cohort_month,
    month,
    is_member,
    is_buyer,
    coalesce(month = first_sale_month, false) as is_first_sale,
    coalesce(
        lead(if(is_member, month, null)) ignore nulls over (partition by durable_user_key order by month), never()
    ) as next_month
from active
