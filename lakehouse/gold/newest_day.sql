-- One row.
select date_of(max(date_key)) as day
from (
    select max(date_key) as date_key from fact_sales
    union all
    select max(date_key) as date_key from fact_user_activity
)
