-- One row per month and region, from the first month of the calendar to that of the as-of date.
-- What is counted by month and region has a row for each of these, also where the count is zero.
with

regions as (
    select distinct region from dim_geography
)

select explode(sequence(:first_date, :as_of, interval 1 month)) as month, region
from regions
