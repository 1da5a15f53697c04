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
        acceptable.*,
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
    identified.*,
    coalesce(known_copies.copies, 0) + row_number() over (
        partition by identified.content_key
        order by identified._batch_id, identified._file, identified._row
    ) as copy
from identified
left join known_copies using (content_key)
