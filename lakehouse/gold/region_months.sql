-- One row per month and region, from the first month of the calendar to that of the as-of date.
-- Counts by month and region have a row for each of these, even if the count is zero.
with

regions as (
    select distinct region from dim_geography
)

select explode(sequence(:first_date, :as_of, interval 1 month)) as month, region
from regions
