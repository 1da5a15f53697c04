-- Grain: period × period start × region × category, dense from the first line to the as-of date.
with reach as (
    select
        min(sale.day) as first_line,
        min(sale.day) filter (where is_sale) as first_sale,
        any_value(as_of.day) as as_of
    from sale
    cross join as_of
),

calendar as (
    select
        period,
        step,
        unnest(generate_series(date_trunc(period, first_line), cast(as_of as timestamp), step)) as start
    from reach
    cross join kind_of_period
),

days as (
    select
        period,
        cast(start as date) as period_start,
        cast(start - step as date) as previous_start,
        is_complete(start, start + step, first_sale, as_of) as is_complete
    from calendar
    cross join reach
),

grid as (
    select days.*, region.region, sold.category
    from days
    cross join region
    cross join (select distinct category from sale) as sold
),

summed as (
    select
        period,
        cast(date_trunc(period, day) as date) as period_start,
        region,
        category,
        count(*) filter (where is_sale) as order_lines,
        sum(quantity) as units,
        sum(revenue) filter (where is_sale) as gross_revenue,
        -sum(revenue) filter (where not is_sale) as returned_revenue
    from sale
    cross join kind_of_period
    group by all
),

filled as (
    select
        grid.*,
        coalesce(order_lines, 0) as order_lines,
        cast(coalesce(units, 0) as bigint) as units,
        cast(coalesce(gross_revenue, 0) as decimal(28, 4)) as gross_revenue,
        cast(coalesce(returned_revenue, 0) as decimal(28, 4)) as returned_revenue,
        cast(coalesce(gross_revenue, 0) - coalesce(returned_revenue, 0) as decimal(28, 4)) as revenue
    from grid
    left join summed using (period, period_start, region, category)
)

select
    filled.*,
    previous.revenue as revenue_previous,
    growth(filled.revenue, previous.revenue, filled.is_complete and previous.is_complete) as growth,
    if(last_year.is_complete, last_year.revenue, null) as revenue_last_year,
    growth(filled.revenue, last_year.revenue, filled.is_complete and last_year.is_complete) as growth_last_year
from filled
left join filled as previous
    on previous.period = filled.period
    and previous.period_start = filled.previous_start
    and previous.region = filled.region
    and previous.category = filled.category
left join filled as last_year
    on last_year.period = filled.period
    and last_year.period_start = filled.period_start - interval 1 year
    and last_year.region = filled.region
    and last_year.category = filled.category
