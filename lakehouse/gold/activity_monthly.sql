-- One row per month and region, from the month of the first activity to that of the as-of date.
-- Active users and buyers of each month, by the region where they live now.
with

active as (
    select
        region,
        month,
        sum(active_users) as active_users,
        sum(buyers) as buyers,
        sum(new_buyers) as new_buyers
    from cohort_activity
    group by region, month
),

span as (
    select min(month) as first_month from cohort_activity
),

full_months as (
    select distinct month
    from membership_monthly
    where is_complete
),

cells as (
    select region_months.month, region_months.region
    from region_months
    cross join span
    where region_months.month >= span.first_month
)

select /*+ broadcast(active), broadcast(full_months) */
    cells.month,
    cells.region,
    coalesce(active.active_users, 0) as active_users,
    coalesce(active.buyers, 0) as buyers,
    coalesce(active.new_buyers, 0) as new_buyers,
    coalesce(active.buyers - active.new_buyers, 0) as repeat_buyers,
    full_months.month is not null as is_complete
from cells
left join active using (month, region)
left join full_months on full_months.month = cells.month
