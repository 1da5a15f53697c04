-- One row per month and ward with an admission.
select
    trunc(fact_stays.admitted_on, 'month') as month,
    dim_ward.ward,
    count(*) as stays,
    count_if(fact_stays.is_registered) as of_registered,
    sum(fact_stays.nights) as nights
from fact_stays
join dim_ward using (ward_key)
where fact_stays.admitted_on <= :as_of
group by trunc(fact_stays.admitted_on, 'month'), dim_ward.ward
