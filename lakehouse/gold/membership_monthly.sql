-- One row per month, region and channel, from the month of the first sign-up to that of the as-of date.
-- New and churned users, for every cell of every month, including zeros.
with

movements as (
    select
        member_movements.day,
        member_movements.region,
        member_movements.channel,
        member_movements.sign_ups,
        member_movements.churned_users,
        member_movements.declared_churned
    from member_movements
    cross join disclosure
    where is_told(member_movements.told_from, member_movements.told_to, disclosure.open_from)
        and member_movements.day <= :as_of
),

moved as (
    select
        trunc(day, 'month') as month,
        region,
        channel,
        sum(sign_ups) as sign_ups,
        sum(churned_users) as churned_users,
        sum(declared_churned) as declared_churned
    from movements
    group by trunc(day, 'month'), region, channel
),

span as (
    select min(day) as first_sign_up, collect_set(channel) as channels
    from movements
    where sign_ups > 0
),

cells as (
    select region_months.month, region_months.region, explode(span.channels) as channel, span.first_sign_up
    from region_months
    cross join span
    where region_months.month >= trunc(span.first_sign_up, 'month')
)

-- One partition: a few thousand rows, and no mart that reads them has to shuffle.
select /*+ broadcast(moved), coalesce(1) */
    cells.month,
    cells.region,
    cells.channel,
    coalesce(moved.sign_ups, 0) as sign_ups,
    coalesce(moved.churned_users, 0) as churned_users,
    coalesce(moved.declared_churned, 0) as declared_churned,
    cells.month >= cells.first_sign_up and add_months(cells.month, 1) <= :as_of as is_complete
from cells
left join moved using (month, region, channel)
