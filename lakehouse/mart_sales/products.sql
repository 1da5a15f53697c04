-- One row per period, region and product with a line.
-- Products of each month, quarter and year, ranked by revenue within their region.
with

-- The longer periods are sums of months, so no line is read again.
periods as (
    select
        inline(array(
            struct('month' as period, month as period_start),
            struct('quarter' as period, trunc(month, 'quarter') as period_start),
            struct('year' as period, trunc(month, 'year') as period_start)
        )),
        region,
        product_key,
        order_lines,
        units,
        revenue,
        rating_sum,
        rating_count
    from product_months
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
