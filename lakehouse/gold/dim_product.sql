with sold as (
    select distinct category, subcategory, product_name as product from purchases
)

select xxhash64(category, subcategory, product) as product_key, category, subcategory, product
from sold
