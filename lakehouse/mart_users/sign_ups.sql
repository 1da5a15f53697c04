-- New users of each month beside those of the month before.
with

compared as (
    select
        month,
        region,
        channel,
        sign_ups,
        is_complete,
        -- Cells are dense, so that the row before is the month before.
        lag(sign_ups) over cell as sign_ups_previous,
        lag(is_complete) over cell as is_previous_complete,
        sum(sign_ups) over cell as sign_ups_to_date
    from membership_monthly
    window cell as (partition by region, channel order by month)
)

select
    month,
    region,
    channel,
    sign_ups,
    sign_ups_previous,
    case
        when is_complete and is_previous_complete
        then double(sign_ups - sign_ups_previous) / nullif(sign_ups_previous, 0)
    end as growth,
    sign_ups_to_date,
    is_complete
from compared
