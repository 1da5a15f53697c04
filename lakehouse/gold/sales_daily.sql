-- One row per day, region and category with a sale or a return.
with

lines as (
    select fact_sales.date_key, dim_geography.region, dim_product.category, fact_sales.quantity, fact_sales.revenue
    from fact_sales
    join dim_geography using (geography_key)
    join dim_product using (product_key)
    where fact_sales.date_key <= date_key(:up_to)
)

select
    date_of(date_key) as day,
    region,
    category,
    count_if(quantity > 0) as order_lines,
    sum(quantity) as units,
    coalesce(sum(revenue) filter (where quantity > 0), 0) as gross_revenue,
    coalesce(sum(-revenue) filter (where quantity < 0), 0) as returned_revenue,
    count(*) as lines
from lines
group by date_key, region, category
