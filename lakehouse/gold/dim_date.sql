with days as (
    select explode(sequence(date'2000-01-01', make_date(year(:last_date) + 1, 12, 31))) as date
)

select
    year(date) * 10000 + month(date) * 100 + day(date) as date_key,
    date,
    concat(extract(yearofweek from date), '-W', lpad(weekofyear(date), 2, '0')) as iso_week,
    cast(trunc(date, 'month') as date) as month_start,
    cast(trunc(date, 'quarter') as date) as quarter_start,
    cast(trunc(date, 'year') as date) as year_start
from days
