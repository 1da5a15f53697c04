-- One row per source row that broke a quarantine rule.
select
    _batch_id, _file, _row, _source,
    cast(_ingested_at as date) as quarantined_on,
    reasons,
    user_key, category, unit_price, quantity, purchase_date
from events
where not accepts_purchase
