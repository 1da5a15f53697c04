-- One row per day.
with days as (
    select explode(sequence(:first_date, make_date(year(:last_date) + 1, 12, 31))) as date
)

select
    date_key(date) as date_key,
    date,
    concat(extract(yearofweek from date), '-W', lpad(weekofyear(date), 2, '0')) as iso_week,
    cast(trunc(date, 'month') as date) as month_start,
    cast(trunc(date, 'quarter') as date) as quarter_start,
    cast(trunc(date, 'year') as date) as year_start
from days
