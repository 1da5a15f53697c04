with sold as (
    select
        purchase_key, xxhash64(user_key) as durable_user_key, purchase_date, category, subcategory, product_name, quantity, unit_price, rating
    from purchases
),

versions as (
    select user_version_key, durable_user_key, valid_from, valid_to, geography_key, channel_key
    from dim_user
),

-- Sales of erased persons: the Unknown user bought them, somewhere in the region. Likewise those of restricted persons.
places as (
    select region, geography_key from dim_geography where country_code = 'Unknown'
)

select
    xxhash64(sold.purchase_key) as sale_key,
    year(sold.purchase_date) * 10000 + month(sold.purchase_date) * 100 + day(sold.purchase_date) as date_key,
    versions.user_version_key,
    versions.durable_user_key,
    xxhash64(sold.category, sold.subcategory, sold.product_name) as product_key,
    versions.geography_key,
    versions.channel_key,
    sold.quantity,
    sold.unit_price,
    sold.quantity * sold.unit_price as revenue,
    sold.rating
from sold
inner join versions
    on sold.durable_user_key = versions.durable_user_key
    and sold.purchase_date >= versions.valid_from
    and (versions.valid_to is null or sold.purchase_date < versions.valid_to)

union all

select
    xxhash64(sold.purchase_key) as sale_key,
    year(sold.purchase_date) * 10000 + month(sold.purchase_date) * 100 + day(sold.purchase_date) as date_key,
    -2 as user_version_key,
    restricted_versions.durable_user_key,
    xxhash64(sold.category, sold.subcategory, sold.product_name) as product_key,
    places.geography_key,
    -1 as channel_key,
    sold.quantity,
    sold.unit_price,
    sold.quantity * sold.unit_price as revenue,
    cast(null as tinyint) as rating
from sold
inner join restricted_versions
    on sold.durable_user_key = restricted_versions.durable_user_key
    and sold.purchase_date >= restricted_versions.valid_from
    and (restricted_versions.valid_to is null or sold.purchase_date < restricted_versions.valid_to)
inner join dim_geography on restricted_versions.geography_key = dim_geography.geography_key
inner join places on dim_geography.region = places.region

union all

select
    xxhash64(erased_sales.erased_sale_key) as sale_key,
    year(erased_sales.purchase_date) * 10000 + month(erased_sales.purchase_date) * 100 + day(erased_sales.purchase_date) as date_key,
    -1 as user_version_key,
    -1 as durable_user_key,
    xxhash64(erased_sales.category, erased_sales.subcategory, erased_sales.product_name) as product_key,
    places.geography_key,
    -1 as channel_key,
    erased_sales.quantity,
    erased_sales.unit_price,
    erased_sales.quantity * erased_sales.unit_price as revenue,
    cast(null as tinyint) as rating
from erased_sales
inner join places on erased_sales.region = places.region
