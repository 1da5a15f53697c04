-- One row per year, region (or All), category (or All) and set of months with a buyer.
-- Distinct buyers cannot be summed over months: a user who buys in two of them is one buyer of both together. So the
-- months in which a user bought are kept, for each year, as one number of twelve bits: January is 1, February 2,
-- March 4; 5 means that the user bought in January and in March. A user is in one row of a year, region and category.
with

-- By user from here on, as numbers: names and dates would take twice the size.
sale_lines as (
    select /*+ repartition(durable_user_key) */
        fact_sales.durable_user_key,
        year_of(fact_sales.date_key) as year,
        month_bit(fact_sales.date_key) as month_bit,
        xxhash64(dim_geography.region) as region_key,
        xxhash64(dim_product.category) as category_key
    from fact_sales
    join dim_geography using (geography_key)
    join dim_product using (product_key)
    -- The buyers of erased persons' lines are not known, and restricted persons are not counted.
    where fact_sales.quantity > 0
        and fact_sales.user_version_key not in (:unknown_dim_user, :restricted_dim_user)
        and fact_sales.date_key <= date_key(:up_to)
),

-- NULL means all regions or categories.
cells as (
    select
        durable_user_key,
        year,
        month_bit,
        inline(array(
            struct(region_key, category_key),
            struct(region_key, cast(null as bigint) as category_key),
            struct(cast(null as bigint) as region_key, category_key),
            struct(cast(null as bigint) as region_key, cast(null as bigint) as category_key)
        ))
    from sale_lines
),

bought_months as (
    select region_key, category_key, year, bit_or(month_bit) as months
    from cells
    group by durable_user_key, region_key, category_key, year
),

counted as (
    select region_key, category_key, year, months, count(*) as buyers
    from bought_months
    group by region_key, category_key, year, months
),

regions as (
    select distinct xxhash64(region) as region_key, region from dim_geography
),

categories as (
    select distinct xxhash64(category) as category_key, category from dim_product
)

select /*+ broadcast(regions), broadcast(categories) */
    counted.year,
    coalesce(regions.region, 'All') as region,
    coalesce(categories.category, 'All') as category,
    counted.months,
    counted.buyers
from counted
left join regions using (region_key)
left join categories using (category_key)
