-- Grain: one row per source row. What is missing or invalid is NULL.
with dated as (
    select source.*, coalesce(batch.extract_date, parameter.loaded_on) as newest, batch.extract_date
    from source
    join batch on batch.number = source.batch
    cross join parameter
)

select
    row_number() over () as source_row,
    extract_date,
    is_malformed,
    is_spoilt,
    user_key,
    whole_number(age) as age,
    case
        when whole_number(age) between 15 and 17 then '15-17'
        when whole_number(age) between 18 and 24 then '18-24'
        when whole_number(age) between 25 and 34 then '25-34'
        when whole_number(age) between 35 and 44 then '35-44'
        when whole_number(age) between 45 and 54 then '45-54'
        when whole_number(age) between 55 and 64 then '55-64'
        when whole_number(age) between 65 and 110 then '65+'
    end as age_band,
    gender,
    country.code as country_code,
    status,
    segment,
    channel,
    frequency,
    amount(declared_total) as declared_total,
    valid_day(sign_up_date, newest) as sign_up_date,
    valid_day(last_purchase_date, newest) as last_purchase_date,
    valid_day(last_login_date, newest) as last_login_date,
    valid_day(purchase_date, newest) as purchase_date,
    product,
    category,
    subcategory,
    amount(price) as price,
    whole_number(quantity) as quantity,
    case when whole_number(rating) between 1 and 5 then whole_number(rating) end as rating
from dated
left join country on country.name = dated.country
