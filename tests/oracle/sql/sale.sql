-- Grain: one accepted line up to the as-of date, with the region of the user's version of that day.
with accepted as (
    select line.*
    from line
    cross join as_of
    where copy = 1 and purchase_date <= as_of.day
)

select
    accepted.user_key,
    accepted.purchase_date as day,
    accepted.product,
    accepted.category,
    accepted.subcategory,
    accepted.quantity,
    accepted.rating,
    accepted.revenue,
    accepted.quantity > 0 as is_sale,
    version.region
from accepted
asof join version
    on version.user_key = accepted.user_key
    and version.valid_from <= accepted.purchase_date
