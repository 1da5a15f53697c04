-- One row per pending source row with an acceptable purchase.
with acceptable as (
    select
        _batch_id, _file, _row, _source, duplicates, user_key,
        coalesce(product_name, 'Unknown') as product_name,
        coalesce(category, 'Unknown') as category,
        coalesce(subcategory, 'Unknown') as subcategory,
        unit_price, quantity, purchase_date, rating
    from events
    where accepts_purchase
),

-- JSON keeps NULL and text apart, and no separator can occur in the data.
identified as (
    select
        _batch_id, _file, _row, _source, duplicates, user_key,
        product_name, category, subcategory, unit_price, quantity, purchase_date, rating,
        left(sha2(to_json(struct(
            user_key, purchase_date, product_name, category, subcategory, unit_price, quantity, rating
        )), 256), 32) as content_key
    from acceptable
),

known_copies as (
    select
        substring_index(purchase_key, '-', 1) as content_key,
        max(cast(substring_index(purchase_key, '-', -1) as bigint)) as copies
    from known_purchases
    group by 1
)

select
    _batch_id, _file, _row, _source, duplicates, user_key,
    product_name, category, subcategory, unit_price, quantity, purchase_date, rating,
    content_key,
    coalesce(known_copies.copies, 0) + row_number() over (
        partition by content_key
        order by _batch_id, _file, _row
    ) as copy
from identified
left join known_copies using (content_key)
