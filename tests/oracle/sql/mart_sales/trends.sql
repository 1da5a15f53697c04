with reach as (
    select min(sale.day) as first_line, any_value(as_of.day) as as_of
    from sale
    cross join as_of
),

grid as (
    select cast(unnest(generate_series(first_line, as_of, interval 1 day)) as date) as day, region
    from reach
    cross join region
),

daily as (
    select
        day,
        region,
        count(*) filter (where is_sale) as order_lines,
        coalesce(sum(revenue), 0) as revenue
    from grid
    left join sale using (day, region)
    group by day, region
),

summed as (
    select
        *,
        sum(revenue) over last_7 as revenue_of_7,
        count(*) over last_7 as days_of_7,
        sum(revenue) over last_28 as revenue_of_28,
        count(*) over last_28 as days_of_28,
        sum(revenue) over year_to_date as revenue_of_year
    from daily
    window
        last_7 as (partition by region order by day rows 6 preceding),
        last_28 as (partition by region order by day rows 27 preceding),
        year_to_date as (partition by region, year(day) order by day)
)

select
    day,
    region,
    order_lines,
    cast(revenue as decimal(28, 4)) as revenue,
    rounded_mean(revenue_of_7, days_of_7) as revenue_7d,
    rounded_mean(revenue_of_28, days_of_28) as revenue_28d,
    cast(revenue_of_year as decimal(28, 4)) as revenue_year_to_date
from summed
