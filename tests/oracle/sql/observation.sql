-- Grain: user × observation day; the greatest of several rows of one day, NULL being smallest.
with spoken as (
    select
        *,
        coalesce(
            extract_date,
            greatest(sign_up_date, last_purchase_date, last_login_date, purchase_date),
            date '1900-01-01'
        ) as day
    from typed
    where user_key is not null
),

ranked as (
    select
        *,
        row_number() over (
            partition by user_key, day
            order by
                last_login_date desc nulls last,
                last_purchase_date desc nulls last,
                sign_up_date desc nulls last,
                declared_total desc nulls last,
                status desc nulls last,
                segment desc nulls last,
                channel desc nulls last,
                frequency desc nulls last,
                country_code desc nulls last,
                age_band desc nulls last,
                gender desc nulls last
        ) as place
    from spoken
)

select
    user_key,
    day,
    sign_up_date,
    last_purchase_date,
    last_login_date,
    gender,
    age_band,
    country_code,
    status,
    segment,
    channel
from ranked
where place = 1
