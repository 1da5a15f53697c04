-- What became of the users who signed up in a month: who was active again, and who was not yet seen for the last time.
with

cohorts as (
    -- Everyone is seen for the last time once, at the earliest when signing up.
    select cohort_month, region, sum(last_seen_members) as cohort_users
    from cohort_activity
    group by cohort_month, region
),

months as (
    select distinct month, is_complete from membership_monthly
),

cells as (
    select cohorts.cohort_month, cohorts.region, cohorts.cohort_users, months.month, months.is_complete
    from cohorts
    join months on months.month >= cohorts.cohort_month
),

observed as (
    select /*+ broadcast(cohort_activity) */
        cells.cohort_month,
        cells.region,
        cells.month,
        cells.cohort_users,
        cells.is_complete,
        coalesce(cohort_activity.active_members, 0) as active_users,
        coalesce(
            sum(cohort_activity.last_seen_members) over (
                partition by cells.cohort_month, cells.region order by cells.month desc rows unbounded preceding
            ),
            0
        ) as retained_users
    from cells
    left join cohort_activity using (cohort_month, region, month)
)

select
    cohort_month,
    region,
    int(months_between(month, cohort_month)) as months_since,
    cohort_users,
    active_users,
    retained_users,
    double(active_users) / cohort_users as active_rate,
    double(retained_users) / cohort_users as retention_rate,
    is_complete
from observed
