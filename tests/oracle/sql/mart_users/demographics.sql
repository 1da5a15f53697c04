with cell as (
    select region, gender, age_band, segment, status, count(*) as users
    from member
    cross join closed
    cross join parameter
    where coalesce(sign_up_date < open_from, open_months = 0)
    group by all
),

without_status as (
    select
        region,
        gender,
        age_band,
        segment,
        case when users < k then 'Other' else status end as status,
        sum(users) as users
    from cell
    cross join parameter
    group by all
),

without_segment as (
    select
        region,
        gender,
        age_band,
        case when users < k then 'Other' else segment end as segment,
        status,
        sum(users) as users
    from without_status
    cross join parameter
    group by all
),

without_age_band as (
    select
        region,
        gender,
        case when users < k then 'Other' else age_band end as age_band,
        segment,
        status,
        sum(users) as users
    from without_segment
    cross join parameter
    group by all
),

without_gender as (
    select
        region,
        case when users < k then 'Other' else gender end as gender,
        age_band,
        segment,
        status,
        sum(users) as users
    from without_age_band
    cross join parameter
    group by all
),

marked as (
    select
        *,
        gender = 'Other' and age_band = 'Other' and segment = 'Other' and status = 'Other' as is_rest
    from without_gender
),

ranked as (
    select
        *,
        row_number() over (
            partition by region, is_rest
            order by users, gender, age_band, segment, status
        ) as place,
        coalesce(min(users) filter (where is_rest) over (partition by region) < k, false) as needs_another
    from marked
    cross join parameter
),

joined as (
    select
        region,
        case when joins then 'Other' else gender end as gender,
        case when joins then 'Other' else age_band end as age_band,
        case when joins then 'Other' else segment end as segment,
        case when joins then 'Other' else status end as status,
        sum(users) as users
    from (select *, needs_another and not is_rest and place = 1 as joins from ranked) as chosen
    group by all
),

region_size as (
    select region, sum(users) as users
    from joined
    group by region
),

region_order as (
    select
        region,
        users < k as is_small,
        coalesce(sum(users) filter (where users < k) over () < k, false) as other_needs_another,
        row_number() over (partition by users < k order by users, region) as place
    from region_size
    cross join parameter
),

merging as (
    select region, is_small or other_needs_another and place = 1 as merges
    from region_order
),

told as (
    select
        case when merges then 'Other' else region end as region,
        case when merges then 'Other' else gender end as gender,
        case when merges then 'Other' else age_band end as age_band,
        case when merges then 'Other' else segment end as segment,
        case when merges then 'Other' else status end as status,
        users
    from joined
    join merging using (region)
    union all
    select 'Other', 'Other', 'Other', 'Other', 'Other', 1
    from member
    cross join closed
    cross join parameter
    where not coalesce(sign_up_date < open_from, open_months = 0)
),

counted as (
    select region, gender, age_band, segment, status, sum(users) as users
    from told
    group by all
),

-- The cell of whom nothing is told must hold k too: if it exists and does not, the smallest cell goes in.
smallest as (
    select region, gender, age_band, segment, status
    from counted
    cross join parameter
    where region <> 'Other' and (select users from counted where region = 'Other') < k
    order by users, region, gender, age_band, segment, status
    limit 1
),

final as (
    select
        case when taken.region is null then counted.region else 'Other' end as region,
        case when taken.region is null then counted.gender else 'Other' end as gender,
        case when taken.region is null then counted.age_band else 'Other' end as age_band,
        case when taken.region is null then counted.segment else 'Other' end as segment,
        case when taken.region is null then counted.status else 'Other' end as status,
        cast(sum(users) as bigint) as users
    from counted
    left join smallest as taken
        on (counted.region, counted.gender, counted.age_band, counted.segment, counted.status)
        = (taken.region, taken.gender, taken.age_band, taken.segment, taken.status)
    group by all
)

select region, gender, age_band, segment, status, users
from final
cross join parameter
where users >= k
