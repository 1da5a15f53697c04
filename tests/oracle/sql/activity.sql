-- Grain: user × day × kind, over all days.
with stated_sign_up as (
    select user_key, min(sign_up_date) as day
    from observation
    group by user_key
),

deed as (
    select user_key, last_login_date as day, 'login' as kind from observation
    union
    select user_key, last_purchase_date, 'purchase' from observation
    union
    select user_key, purchase_date, 'purchase' from line where copy = 1 and quantity > 0
),

first_deed as (
    select user_key, min(day) as day
    from deed
    group by user_key
),

sign_up as (
    select user_key, coalesce(stated_sign_up.day, first_deed.day) as day, 'sign_up' as kind
    from stated_sign_up
    join first_deed using (user_key)
)

select user_key, day, kind
from (from deed union all from sign_up) as every
where day is not null
