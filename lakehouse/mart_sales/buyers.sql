-- Distinct buyers cannot be summed: a user who buys in two months, regions or categories is one buyer of both together.
-- So each user's months of a year are kept as twelve bits, and a period counts whoever has one of its bits.
with

sale_lines as (
    select
        fact_sales.durable_user_key,
        dim_date.year_start,
        dim_geography.region,
        dim_product.category,
        1 << (month(dim_date.date) - 1) as month_bit
    from fact_sales
    join dim_date using (date_key)
    join dim_geography using (geography_key)
    join dim_product using (product_key)
    -- Who bought the lines of erased persons is not known, and restricted persons are not counted as anybody.
    where fact_sales.quantity > 0 and fact_sales.user_version_key not in (-1, -2) and dim_date.date <= :as_of
),

bought_months as (
    select
        coalesce(region, 'All') as region,
        coalesce(category, 'All') as category,
        year_start,
        bit_or(month_bit) as months
    from sale_lines
    group by durable_user_key, year_start, grouping sets ((region, category), (region), (category), ())
),

month_patterns as (
    select region, category, year_start, months, count(*) as buyers
    from bought_months
    group by region, category, year_start, months
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
        add_months(month_patterns.year_start, periods_of_a_year.first_month) as period_start,
        add_months(month_patterns.year_start, periods_of_a_year.first_month + length - 1) as last_month,
        month_patterns.region,
        month_patterns.category,
        sum(month_patterns.buyers) as buyers
    from month_patterns
    join periods_of_a_year on month_patterns.months & periods_of_a_year.months <> 0
    group by all
),

-- All months between these two are full ones too.
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
