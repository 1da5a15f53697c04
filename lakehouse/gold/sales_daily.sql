-- What the sales marts count, read from the facts once: sales and returns of a day, region and category.
with

lines as (
    select dim_date.date as day, dim_geography.region, dim_product.category, fact_sales.quantity, fact_sales.revenue
    from fact_sales
    join dim_date using (date_key)
    join dim_geography using (geography_key)
    join dim_product using (product_key)
    where dim_date.date <= :as_of
)

select
    day,
    region,
    category,
    count_if(quantity > 0) as order_lines,
    sum(quantity) as units,
    coalesce(sum(revenue) filter (where quantity > 0), 0) as gross_revenue,
    coalesce(sum(-revenue) filter (where quantity < 0), 0) as returned_revenue
from lines
group by day, region, category
