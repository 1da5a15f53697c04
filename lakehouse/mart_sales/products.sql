-- One row per period, region and product with a line.
-- Products of each month, quarter and year, ranked by revenue within their region.
with

monthly_lines as (
    select
        month_of(fact_sales.date_key) as month_start,
        dim_geography.region,
        fact_sales.product_key,
        count_if(fact_sales.quantity > 0) as order_lines,
        sum(fact_sales.quantity) as units,
        sum(fact_sales.revenue) as revenue,
        coalesce(sum(fact_sales.rating), 0) as rating_sum,
        count(fact_sales.rating) as rating_count
    from fact_sales
    join dim_geography using (geography_key)
    where fact_sales.date_key <= date_key(:as_of)
    group by month_of(fact_sales.date_key), dim_geography.region, fact_sales.product_key
),

-- The longer periods are sums of months, so the facts are read once.
periods as (
    select
        inline(array(
            struct('month' as period, month_start as period_start),
            struct('quarter' as period, trunc(month_start, 'quarter') as period_start),
            struct('year' as period, trunc(month_start, 'year') as period_start)
        )),
        region,
        product_key,
        order_lines,
        units,
        revenue,
        rating_sum,
        rating_count
    from monthly_lines
),

sold as (
    select
        periods.period,
        periods.period_start,
        periods.region,
        dim_product.category,
        dim_product.subcategory,
        dim_product.product,
        sum(periods.order_lines) as order_lines,
        sum(periods.units) as units,
        sum(periods.revenue) as revenue,
        sum(periods.rating_sum) as rating_sum,
        sum(periods.rating_count) as rating_count
    from periods
    join dim_product using (product_key)
    group by all
)

select
    period,
    period_start,
    region,
    category,
    subcategory,
    product,
    order_lines,
    units,
    revenue,
    rating_sum,
    rating_count,
    rank() over (partition by period, period_start, region order by revenue desc) as rank_in_region
from sold
