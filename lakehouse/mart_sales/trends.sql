-- One row per day and region, from the day of the first line to the as-of date.
-- Every calendar day of every region: a moving average over only the days with sales would flatter quiet weeks.
with

sold as (
    select day, region, sum(order_lines) as order_lines, sum(gross_revenue - returned_revenue) as revenue
    from sales_daily
    group by day, region
),

span as (
    select min(day) as first_line from sales_daily
),

days as (
    select
        explode(sequence(region_months.month, least(last_day(region_months.month), :as_of), interval 1 day)) as day,
        region_months.region,
        span.first_line
    from region_months
    cross join span
    where region_months.month >= trunc(span.first_line, 'month')
),

calendar as (
    select day, region
    from days
    where day >= first_line
),

daily as (
    select /*+ broadcast(sold), coalesce(1) */
        calendar.day,
        calendar.region,
        coalesce(sold.order_lines, 0) as order_lines,
        cast(coalesce(sold.revenue, 0) as decimal(28, 4)) as revenue
    from calendar
    left join sold using (day, region)
)

select
    day,
    region,
    order_lines,
    revenue,
    round(avg(revenue) over (partition by region order by day rows 6 preceding), 4) as revenue_7d,
    round(avg(revenue) over (partition by region order by day rows 27 preceding), 4) as revenue_28d,
    sum(revenue) over (partition by region, year(day) order by day rows unbounded preceding) as revenue_year_to_date
from daily
