-- One row per month, region and channel, from the month of the first sign-up to that of the as-of date.
-- New and churned users, for every cell of every month, including zeros.
with

members as (
    select region, channel, sign_up_date, cohort_month, churn_date, is_declared_churned
    from user_lifecycle
    where sign_up_date is not null
),

movements as (
    select cohort_month as month, region, channel, 1 as sign_ups, 0 as churned_users, int(is_declared_churned) as declared_churned
    from members
    union all
    select trunc(churn_date, 'month') as month, region, channel, 0 as sign_ups, 1 as churned_users, 0 as declared_churned
    from members
    where churn_date is not null
),

moved as (
    select
        month,
        region,
        channel,
        sum(sign_ups) as sign_ups,
        sum(churned_users) as churned_users,
        sum(declared_churned) as declared_churned
    from movements
    group by month, region, channel
),

span as (
    select min(sign_up_date) as first_sign_up, collect_set(channel) as channels
    from members
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
