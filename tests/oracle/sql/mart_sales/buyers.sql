with bought as (
    select period, cast(date_trunc(period, day) as date) as period_start, region, category, user_key
    from sale
    cross join kind_of_period
    where is_sale
)

select
    period,
    period_start,
    case when grouping(region) = 1 then 'All' else region end as region,
    case when grouping(category) = 1 then 'All' else category end as category,
    count(distinct user_key) as buyers
from bought
group by
    grouping sets (
        (period, period_start, region, category),
        (period, period_start, region),
        (period, period_start, category),
        (period, period_start)
    )
