with summed as (
    select
        period,
        cast(date_trunc(period, day) as date) as period_start,
        region,
        category,
        subcategory,
        product,
        count(*) filter (where is_sale) as order_lines,
        cast(sum(quantity) as bigint) as units,
        cast(sum(revenue) as decimal(28, 4)) as revenue,
        cast(coalesce(sum(rating), 0) as bigint) as rating_sum,
        count(rating) as rating_count
    from sale
    cross join kind_of_period
    group by all
)

select
    *,
    cast(rank() over (partition by period, period_start, region order by revenue desc) as integer) as rank_in_region
from summed
