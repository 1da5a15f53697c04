-- One row per month of sign-up, region and month with an active user.
-- A user belongs to one cohort and one region, so these distinct counts may be summed over both (never over months).
-- One partition: a few thousand rows, and no mart that reads them has to shuffle.
select /*+ coalesce(1) */
    cohort_months.cohort_month,
    cohort_months.region,
    cohort_months.month,
    sum(cohort_months.active_users) as active_users,
    sum(cohort_months.active_members) as active_members,
    sum(cohort_months.buyers) as buyers,
    sum(cohort_months.new_buyers) as new_buyers,
    sum(if(
        cohort_months.month < disclosure.open_from and cohort_months.next_month >= disclosure.open_from,
        cohort_months.active_members, 0
    )) as last_seen_members
from cohort_months
cross join disclosure
where is_told(cohort_months.told_from, cohort_months.told_to, disclosure.open_from)
group by cohort_months.cohort_month, cohort_months.region, cohort_months.month
