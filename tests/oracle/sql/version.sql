-- Grain: user × observation day. Equal neighbours need no merging here: they say the same of every day between.
with region_of_code as (
    select distinct code, region
    from country
)

select
    user_key,
    case
        when row_number() over (partition by user_key order by day) = 1 then date '1900-01-01'
        else day
    end as valid_from,
    row_number() over (partition by user_key order by day desc) = 1 as is_current,
    coalesce(region, 'Unknown') as region,
    coalesce(gender, 'Unknown') as gender,
    coalesce(age_band, 'Unknown') as age_band,
    case when age_band = '15-17' then 'Other' else coalesce(status, 'Unknown') end as status,
    case when age_band = '15-17' then 'Other' else coalesce(segment, 'Unknown') end as segment,
    case when age_band = '15-17' then 'Other' else coalesce(channel, 'Unknown') end as channel,
    coalesce(status = 'Churned', false) as is_declared_churned
from observation
left join region_of_code on region_of_code.code = observation.country_code
