-- The rules of the contract are applied to this result; what a rule clears becomes NULL.
with source as (
    select * from sales_events
),

resolved as (
    select /*+ broadcast(country_names) */
        source.*,
        country_names.country_code,
        coalesce(source._extract_date, cast(source._ingested_at as date)) as latest_date
    from source
    left join country_names on source.country = country_names.country
)

select * from resolved
