-- One row per period, region and category, from the first period with a line to that of the as-of date.
-- Sales of a month, quarter or year, and those of the period before and of the year before.
with

periods as (
    select
        trunc(month, :period) as period_start,
        region,
        category,
        sum(order_lines) as order_lines,
        sum(units) as units,
        sum(gross_revenue) as gross_revenue,
        sum(returned_revenue) as returned_revenue,
        sum(gross_revenue - returned_revenue) as revenue,
        -- If sales began in the middle of a quarter or year, its first months are missing.
        every(is_complete) and count(*) = 12 div :periods_per_year as is_complete
    from sales_monthly
    group by trunc(month, :period), region, category
),

compared as (
    select
        period_start,
        region,
        category,
        order_lines,
        units,
        gross_revenue,
        returned_revenue,
        revenue,
        is_complete,
        -- Cells are dense, so that the row before is the period before.
        lag(revenue) over cell as revenue_previous,
        lag(is_complete) over cell as is_previous_complete,
        lag(revenue, :periods_per_year) over cell as revenue_last_year,
        lag(is_complete, :periods_per_year) over cell as is_last_year_complete
    from periods
    window cell as (partition by region, category order by period_start)
)

select
    period_start,
    region,
    category,
    order_lines,
    units,
    gross_revenue,
    returned_revenue,
    revenue,
    revenue_previous,
    case
        when is_complete and is_previous_complete
        then double(revenue - revenue_previous) / double(nullif(revenue_previous, 0))
    end as growth,
    -- A month that is only partly in the lake must not be compared with a full one.
    case when is_last_year_complete then revenue_last_year end as revenue_last_year,
    case
        when is_complete and is_last_year_complete
        then double(revenue - revenue_last_year) / double(nullif(revenue_last_year, 0))
    end as growth_last_year,
    is_complete
from compared
