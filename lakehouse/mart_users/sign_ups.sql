-- New users of each month beside those of the month before, where the same users' groups were told then.
with

months as (
    select distinct month, is_complete from membership_shown
),

compared as (
    select
        shown.month,
        shown.region,
        shown.channel,
        shown.sign_ups,
        shown.sign_ups_previous,
        shown.sign_ups_to_date,
        shown.is_complete,
        coalesce(before.is_complete, false) as is_previous_complete
    from membership_shown as shown
    left join months as before on before.month = add_months(shown.month, -1)
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
