with reach as (
    select min(sale.day) filter (where is_sale) as first_sale, any_value(as_of.day) as as_of
    from sale
    cross join as_of
),

bought as (
    select
        period,
        cast(date_trunc(period, day) as date) as period_start,
        region,
        category,
        user_key,
        day < open_from as is_closed,
        is_complete(date_trunc(period, day), date_trunc(period, day) + step, first_sale, as_of) as is_complete
    from sale
    cross join kind_of_period
    cross join reach
    cross join closed
    where is_sale
)

select
    period,
    period_start,
    case when grouping(region) = 1 then 'All' else region end as region,
    case when grouping(category) = 1 then 'All' else category end as category,
    count(distinct user_key) as buyers,
    any_value(is_complete) as is_complete
from bought
where is_closed
group by
    grouping sets (
        (period, period_start, region, category),
        (period, period_start, region),
        (period, period_start, category)
    )
union all
select period, period_start, 'All', 'All', count(distinct user_key), any_value(is_complete)
from bought
group by all
