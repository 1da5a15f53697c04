-- One row per pending source row.
-- The rules of the contract are applied to this result; a value that a rule clears becomes NULL.
select /*+ broadcast(country_names) */
    sales_events.*,
    country_names.country_code,
    coalesce(sales_events._extract_date, cast(sales_events._ingested_at as date)) as latest_date
from sales_events
left join country_names on sales_events.country = country_names.country
