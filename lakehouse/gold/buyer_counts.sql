-- One row per period, region (or All) and category (or All) with a buyer.
-- A period is a set of months like those of `buyer_months`: the first quarter is 1 + 2 + 4 = 7. It counts every user
-- with `months & 7 <> 0` once, for any number of months with a purchase.
with

-- Periods that are not closed yet count only in the total of everything.
month_patterns as (
    select
        buyer_months.region,
        buyer_months.category,
        buyer_months.year,
        if(
            buyer_months.region = 'All' and buyer_months.category = 'All',
            buyer_months.months,
            buyer_months.months & months_before(disclosure.open_from, buyer_months.year)
        ) as months,
        buyer_months.buyers
    from buyer_months
    cross join disclosure
),

periods_of_a_year as (
    select 'month' as period, 1 as length, first_month, 1 << first_month as months
    from (select explode(sequence(0, 11)) as first_month)
    union all
    select 'quarter' as period, 3 as length, first_month, 7 << first_month as months
    from (select explode(sequence(0, 9, 3)) as first_month)
    union all
    select 'year' as period, 12 as length, 0 as first_month, 4095 as months
),

periods as (
    select
        periods_of_a_year.period,
        make_date(month_patterns.year, periods_of_a_year.first_month + 1, 1) as period_start,
        make_date(month_patterns.year, periods_of_a_year.first_month + length, 1) as last_month,
        month_patterns.region,
        month_patterns.category,
        sum(month_patterns.buyers) as buyers
    from month_patterns
    join periods_of_a_year on month_patterns.months & periods_of_a_year.months <> 0
    group by all
),

-- All months between these two are full months too.
full_months as (
    select min(month) as first_month, max(month) as last_month
    from sales_monthly
    where is_complete
)

select
    periods.period,
    periods.period_start,
    periods.region,
    periods.category,
    periods.buyers,
    coalesce(
        periods.period_start >= full_months.first_month and periods.last_month <= full_months.last_month, false
    ) as is_complete
from periods
cross join full_months
