-- One row per month, region and product with a sale or a return.
select
    month_of(fact_sales.date_key) as month,
    dim_geography.region,
    fact_sales.product_key,
    count_if(fact_sales.quantity > 0) as order_lines,
    sum(fact_sales.quantity) as units,
    sum(fact_sales.revenue) as revenue,
    coalesce(sum(fact_sales.rating), 0) as rating_sum,
    count(fact_sales.rating) as rating_count,
    count(*) as lines
from fact_sales
join dim_geography using (geography_key)
where fact_sales.date_key <= date_key(:up_to)
group by month_of(fact_sales.date_key), dim_geography.region, fact_sales.product_key
