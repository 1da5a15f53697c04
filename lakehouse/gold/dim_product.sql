-- One row per product name within category and subcategory.
with sold as (
    select category, subcategory, product_name as product from purchases
    union
    select category, subcategory, product_name as product from erased_sales
)

select xxhash64(category, subcategory, product) as product_key, category, subcategory, product
from sold
