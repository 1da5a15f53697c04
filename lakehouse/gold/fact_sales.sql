-- One row per accepted purchase line, of erased persons too.
with

versions as (
    select user_version_key, durable_user_key, valid_from, valid_to, geography_key, channel_key
    from dim_user
),

-- The geography of buyers for whom only the region is known.
places as (
    select region, geography_key from dim_geography where country_code = 'Unknown'
),

restricted as (
    select
        restricted_versions.durable_user_key,
        restricted_versions.valid_from,
        restricted_versions.valid_to,
        places.geography_key
    from restricted_versions
    inner join dim_geography on restricted_versions.geography_key = dim_geography.geography_key
    inner join places on dim_geography.region = places.region
),

bought as (
    select
        purchase_key, xxhash64(user_key) as durable_user_key, purchase_date,
        category, subcategory, product_name, quantity, unit_price, rating
    from purchases
),

lines as (
    select
        bought.purchase_key as line, bought.purchase_date,
        versions.user_version_key, versions.durable_user_key, versions.geography_key, versions.channel_key,
        bought.category, bought.subcategory, bought.product_name, bought.quantity, bought.unit_price, bought.rating
    from bought
    inner join versions
        on bought.durable_user_key = versions.durable_user_key
        and bought.purchase_date >= versions.valid_from
        and (versions.valid_to is null or bought.purchase_date < versions.valid_to)

    union all

    select
        bought.purchase_key, bought.purchase_date,
        :restricted_dim_user, restricted.durable_user_key, restricted.geography_key, :unknown_dim_channel,
        bought.category, bought.subcategory, bought.product_name, bought.quantity, bought.unit_price, null
    from bought
    inner join restricted
        on bought.durable_user_key = restricted.durable_user_key
        and bought.purchase_date >= restricted.valid_from
        and (restricted.valid_to is null or bought.purchase_date < restricted.valid_to)

    union all

    select
        erased_sales.erased_sale_key, erased_sales.purchase_date,
        :unknown_dim_user, :unknown_dim_user, places.geography_key, :unknown_dim_channel,
        erased_sales.category, erased_sales.subcategory, erased_sales.product_name,
        erased_sales.quantity, erased_sales.unit_price, null
    from erased_sales
    inner join places on erased_sales.region = places.region
)

select
    xxhash64(line) as sale_key,
    date_key(purchase_date) as date_key,
    user_version_key,
    durable_user_key,
    xxhash64(category, subcategory, product_name) as product_key,
    geography_key,
    channel_key,
    quantity,
    unit_price,
    quantity * unit_price as revenue,
    rating
from lines
