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
    growth,
    is_complete
from sales_by_period
where period = 'quarter'
