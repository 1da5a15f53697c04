-- One row per user and observation day.
with judged as (
    select * from events where accepts_user
),

stated as (
    select
        user_key,
        coalesce(
            _extract_date,
            greatest(sign_up_date, last_purchase_date, last_login_date, purchase_date),
            date'1900-01-01'
        ) as observed_on,
        case
            when age <= 17 then '15-17'
            when age <= 24 then '18-24'
            when age <= 34 then '25-34'
            when age <= 44 then '35-44'
            when age <= 54 then '45-54'
            when age <= 64 then '55-64'
            when age >= 65 then '65+'
        end as age_band,
        gender, country_code, sign_up_date, last_purchase_date, last_login_date,
        status, segment, channel, purchase_frequency, declared_total_purchases
    from judged

    union all

    select
        user_key, observed_on,
        nullif(age_band, 'Unknown') as age_band,
        gender, country_code, sign_up_date, last_purchase_date, last_login_date,
        status, segment, channel, purchase_frequency, declared_total_purchases
    from known_users
),

-- A total order by business content: file and row numbers differ between one CSV and its parts.
greatest_of_day as (
    select
        user_key,
        observed_on,
        max(struct(
            last_login_date, last_purchase_date, sign_up_date, declared_total_purchases, status, segment, channel,
            purchase_frequency, country_code, age_band, gender
        )) as stated
    from stated
    group by user_key, observed_on
)

select
    user_key,
    observed_on,
    stated.last_login_date,
    stated.last_purchase_date,
    stated.sign_up_date,
    stated.declared_total_purchases,
    stated.status,
    stated.segment,
    stated.channel,
    stated.purchase_frequency,
    stated.country_code,
    coalesce(stated.age_band, 'Unknown') as age_band,
    stated.gender
from greatest_of_day
