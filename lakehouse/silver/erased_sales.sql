-- One row per sale line of an erased person.
-- The anonymous lines of sales of persons under erasure; the engine replaces the key by one that leads nowhere.
select
    cast(known_fact_sales.sale_key as string) as erased_sale_key,
    known_dim_date.date as purchase_date,
    known_dim_geography.region,
    known_dim_product.category,
    known_dim_product.subcategory,
    known_dim_product.product as product_name,
    known_fact_sales.quantity,
    known_fact_sales.unit_price
from known_fact_sales
inner join known_dim_date using (date_key)
inner join known_dim_geography using (geography_key)
inner join known_dim_product using (product_key)
