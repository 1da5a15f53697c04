with signed_up as (
    select cast(date_trunc('month', sign_up_date) as date) as month, region, channel, count(*) as sign_ups
    from member
    where sign_up_date is not null
    group by all
),

filled as (
    select member_grid.*, coalesce(sign_ups, 0) as sign_ups
    from member_grid
    left join signed_up using (month, region, channel)
),

compared as (
    select
        *,
        lag(sign_ups) over cell as sign_ups_previous,
        lag(is_complete) over cell as is_previous_complete,
        cast(sum(sign_ups) over cell as bigint) as sign_ups_to_date
    from filled
    window cell as (partition by region, channel order by month)
)

select
    month,
    region,
    channel,
    sign_ups,
    sign_ups_previous,
    growth(sign_ups, sign_ups_previous, is_complete and is_previous_complete) as growth,
    sign_ups_to_date,
    is_complete
from compared
