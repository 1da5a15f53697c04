-- Grain: one good purchase line, exact copies numbered; `copy` = 1 is accepted.
with good as (
    select *
    from typed
    where source_row not in (
        select source_row
        from reason
        where code in (
            'row_malformed', 'user_id_missing', 'user_id_spoilt', 'purchase_date_invalid', 'price_invalid',
            'price_not_positive', 'quantity_invalid', 'quantity_not_positive'
        )
    )
),

repaired as (
    select
        source_row,
        user_key,
        purchase_date,
        coalesce(product, 'Unknown') as product,
        coalesce(category, 'Unknown') as category,
        coalesce(subcategory, 'Unknown') as subcategory,
        price,
        quantity,
        rating,
        cast(price * quantity as decimal(28, 4)) as revenue
    from good
)

select
    *,
    row_number() over (
        partition by user_key, purchase_date, product, category, subcategory, price, quantity, rating
        order by source_row
    ) as copy
from repaired
