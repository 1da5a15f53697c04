-- One row per accepted purchase line.
select
    concat(content_key, '-', copy) as purchase_key,
    user_key, product_name, category, subcategory, unit_price, quantity, purchase_date, rating,
    _source, _batch_id, _file, _row
from purchase_lines
where copy = 1 or duplicates = 'keep'
