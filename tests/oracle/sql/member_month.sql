-- Grain: month from the first sign-up's to the as-of month.
with reach as (
    select min(sign_up_date) as first_sign_up, any_value(as_of.day) as as_of
    from member
    cross join as_of
),

calendar as (
    select
        unnest(
            generate_series(date_trunc('month', first_sign_up), cast(as_of as timestamp), interval 1 month)
        ) as start
    from reach
)

select
    cast(start as date) as month,
    cast(start + interval 1 month as date) as next_month,
    is_complete(start, start + interval 1 month, first_sign_up, as_of) as is_complete
from calendar
cross join reach
