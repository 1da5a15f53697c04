-- One row per combination of attributes with at least k users.
-- k-anonymity: small cells give up one attribute after the other until every cell holds k users. The total stays.
with

-- For users who came in a month that is not closed, or at an unknown date, no attribute is shown.
users as (
    select
        member_attributes.region,
        member_attributes.gender,
        member_attributes.age_band,
        member_attributes.segment,
        member_attributes.status,
        if(
            member_attributes.sign_up_month = never(),
            :open_months = 0,
            member_attributes.sign_up_month < disclosure.open_from
        ) as has_come,
        member_attributes.users
    from member_attributes
    cross join disclosure
    where is_told(member_attributes.told_from, member_attributes.told_to, disclosure.open_from)
),

cells as (
    select region, gender, age_band, segment, status, sum(users) as users
    from users
    where has_come
    group by all
),

-- One partition: a few thousand cells at most, and none of the steps below has to shuffle.
without_status as (
    select /*+ coalesce(1) */
        region, gender, age_band, segment, if(users < :k, 'Other', status) as status, sum(users) as users
    from cells
    group by all
),

without_segment as (
    select region, gender, age_band, if(users < :k, 'Other', segment) as segment, status, sum(users) as users
    from without_status
    group by all
),

without_age_band as (
    select region, gender, if(users < :k, 'Other', age_band) as age_band, segment, status, sum(users) as users
    from without_segment
    group by all
),

without_gender as (
    select region, if(users < :k, 'Other', gender) as gender, age_band, segment, status, sum(users) as users
    from without_age_band
    group by all
),

-- The cell of users who gave up every attribute is the region's rest.
with_rest as (
    select
        region,
        gender,
        age_band,
        segment,
        status,
        users,
        gender = 'Other' and age_band = 'Other' and segment = 'Other' and status = 'Other' as is_rest
    from without_gender
),

ordered_cells as (
    select
        region,
        gender,
        age_band,
        segment,
        status,
        users,
        is_rest,
        sum(if(is_rest, users, null)) over (partition by region) as rest_users,
        row_number() over (
            partition by region order by is_rest, users, gender, age_band, segment, status
        ) as place
    from with_rest
),

-- A rest smaller than k takes in the region's smallest other cell.
safe_cells as (
    select
        region,
        gender,
        age_band,
        segment,
        status,
        users,
        is_rest or (rest_users < :k and place = 1) as joins_rest
    from ordered_cells
),

region_sizes as (
    select region, sum(users) as users
    from safe_cells
    group by region
),

ordered_regions as (
    select
        region,
        users < :k as is_small,
        sum(if(users < :k, users, null)) over () as small_users,
        row_number() over (order by users < :k, users, region) as place
    from region_sizes
),

-- Small regions become one; if that is still smaller than k, it takes in the smallest other region.
merged_regions as (
    select region, is_small or (small_users < :k and place = 1) as joins_other
    from ordered_regions
),

shown as (
    select
        if(merged_regions.joins_other, 'Other', merged_regions.region) as region,
        if(merged_regions.joins_other or safe_cells.joins_rest, 'Other', safe_cells.gender) as gender,
        if(merged_regions.joins_other or safe_cells.joins_rest, 'Other', safe_cells.age_band) as age_band,
        if(merged_regions.joins_other or safe_cells.joins_rest, 'Other', safe_cells.segment) as segment,
        if(merged_regions.joins_other or safe_cells.joins_rest, 'Other', safe_cells.status) as status,
        sum(safe_cells.users) as users
    from safe_cells
    join merged_regions using (region)
    group by all
    union all
    select 'Other', 'Other', 'Other', 'Other', 'Other', sum(users) from users where not has_come having sum(users) > 0
),

-- Users without any shown attribute are one cell; if it is smaller than k, it takes in the smallest other cell.
whole as (
    select
        region,
        gender,
        age_band,
        segment,
        status,
        sum(users) as users,
        region = 'Other' as is_whole
    from shown
    group by all
),

ordered as (
    select
        region,
        gender,
        age_band,
        segment,
        status,
        users,
        is_whole,
        sum(if(is_whole, users, null)) over () as whole_users,
        row_number() over (order by is_whole, users, region, gender, age_band, segment, status) as place
    from whole
),

joined as (
    select
        region,
        gender,
        age_band,
        segment,
        status,
        users,
        is_whole or (whole_users < :k and place = 1) as joins_whole
    from ordered
)

select
    if(joins_whole, 'Other', region) as region,
    if(joins_whole, 'Other', gender) as gender,
    if(joins_whole, 'Other', age_band) as age_band,
    if(joins_whole, 'Other', segment) as segment,
    if(joins_whole, 'Other', status) as status,
    sum(users) as users
from joined
group by all
-- Only a lake of fewer than k users still has such a cell here.
having sum(users) >= :k
