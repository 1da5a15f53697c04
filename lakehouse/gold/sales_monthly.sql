-- One row per month, region and category, from the month of the first line to that of the as-of date.
-- Every cell of every month, including zeros: the longer periods are sums of these, so they are dense too.
with

sold as (
    select
        trunc(day, 'month') as month,
        region,
        category,
        sum(order_lines) as order_lines,
        sum(units) as units,
        sum(gross_revenue) as gross_revenue,
        sum(returned_revenue) as returned_revenue
    from sales_daily
    group by trunc(day, 'month'), region, category
),

span as (
    select min(day) as first_line, min(day) filter (where order_lines > 0) as first_sale, collect_set(category) as categories
    from sales_daily
),

cells as (
    select region_months.month, region_months.region, explode(span.categories) as category, span.first_sale
    from region_months
    cross join span
    where region_months.month >= trunc(span.first_line, 'month')
)

-- One partition: a few thousand rows, and no mart that reads them has to shuffle.
select /*+ broadcast(sold), coalesce(1) */
    cells.month,
    cells.region,
    cells.category,
    coalesce(sold.order_lines, 0) as order_lines,
    coalesce(sold.units, 0) as units,
    coalesce(sold.gross_revenue, 0) as gross_revenue,
    coalesce(sold.returned_revenue, 0) as returned_revenue,
    coalesce(cells.month >= cells.first_sale, false) and add_months(cells.month, 1) <= :as_of as is_complete
from cells
left join sold using (month, region, category)
