-- One row per month of sign-up, region and month with an active user.
-- Users who were active in a month. A user belongs to one cohort and one region, so these distinct counts may be summed
-- over both (never over months).
with

months_of_users as (
    select
        user_lifecycle.cohort_month,
        user_lifecycle.region,
        user_lifecycle.first_sale_month,
        user_lifecycle.last_active_month,
        user_years.year,
        user_years.active_months,
        user_years.member_months,
        user_years.buyer_months,
        explode(array(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)) as place -- of the month among the bits of a year
    from user_years
    join user_lifecycle using (durable_user_key)
),

user_months as (
    select
        cohort_month,
        region,
        first_sale_month,
        last_active_month,
        make_date(year, place + 1, 1) as month,
        member_months & (1 << place) <> 0 as is_member,
        buyer_months & (1 << place) <> 0 as is_buyer
    from months_of_users
    where active_months & (1 << place) <> 0
)

-- One partition: a few thousand rows, and no mart that reads them has to shuffle.
select /*+ coalesce(1) */
    cohort_month,
    region,
    month,
    count(*) as active_users,
    count_if(is_member) as active_members,
    count_if(is_buyer) as buyers,
    count_if(month = first_sale_month) as new_buyers,
    count_if(month = last_active_month) as last_seen_members
from user_months
group by cohort_month, region, month
