-- One row per period, region (or All) and category (or All) with a buyer.
-- Distinct buyers cannot be summed: a user who buys in two months, regions or categories is one buyer of both together.
-- So the months in which a user bought are kept, for each year, as one number of twelve bits: January is 1, February 2,
-- March 4; 5 means that the user bought in January and in March. A period is also a number of this kind: the first
-- quarter is 1 + 2 + 4 = 7. It counts every user with `months & 7 <> 0` once, for any number of months with a purchase.
with

-- By user from here on, as numbers: names and dates would take twice the size.
sale_lines as (
    select /*+ repartition(durable_user_key) */
        fact_sales.durable_user_key,
        year_of(fact_sales.date_key) as year,
        month_bit(fact_sales.date_key) as month_bit,
        xxhash64(dim_geography.region) as region_key,
        xxhash64(dim_product.category) as category_key,
        fact_sales.date_key < date_key(first_open_day(:as_of, :open_months)) as is_closed
    from fact_sales
    join dim_geography using (geography_key)
    join dim_product using (product_key)
    -- The buyers of erased persons' lines are not known, and restricted persons are not counted.
    where fact_sales.quantity > 0
        and fact_sales.user_version_key not in (:unknown_dim_user, :restricted_dim_user)
        and fact_sales.date_key <= date_key(:as_of)
),

-- NULL means all regions or categories. Periods that are not closed yet count only in the total of everything.
cells as (
    select
        durable_user_key,
        year,
        month_bit,
        inline(if(
            is_closed,
            array(
                struct(region_key, category_key),
                struct(region_key, cast(null as bigint) as category_key),
                struct(cast(null as bigint) as region_key, category_key),
                struct(cast(null as bigint) as region_key, cast(null as bigint) as category_key)
            ),
            array(struct(cast(null as bigint) as region_key, cast(null as bigint) as category_key))
        ))
    from sale_lines
),

bought_months as (
    select region_key, category_key, year, bit_or(month_bit) as months
    from cells
    group by durable_user_key, region_key, category_key, year
),

month_patterns as (
    select region_key, category_key, year, months, count(*) as buyers
    from bought_months
    group by region_key, category_key, year, months
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
        month_patterns.region_key,
        month_patterns.category_key,
        sum(month_patterns.buyers) as buyers
    from month_patterns
    join periods_of_a_year on month_patterns.months & periods_of_a_year.months <> 0
    group by all
),

regions as (
    select distinct xxhash64(region) as region_key, region from dim_geography
),

categories as (
    select distinct xxhash64(category) as category_key, category from dim_product
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
    coalesce(regions.region, 'All') as region,
    coalesce(categories.category, 'All') as category,
    periods.buyers,
    coalesce(
        periods.period_start >= full_months.first_month and periods.last_month <= full_months.last_month, false
    ) as is_complete
from periods
left join regions using (region_key)
left join categories using (category_key)
cross join full_months
