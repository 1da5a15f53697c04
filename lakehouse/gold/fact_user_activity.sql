with

-- By user from here on, so that neither what is distinct nor the windows move a row again.
done as (
    select /*+ repartition(user_key) */ user_key, day, kind
    from (
        select user_key, last_login_date as day, 'login' as kind from users
        union all
        select user_key, last_purchase_date as day, 'purchase' as kind from users
        union all
        select user_key, sign_up_date as day, 'sign_up' as kind from users
        union all
        select user_key, purchase_date as day, 'purchase' as kind from purchases where quantity > 0
    )
    where day is not null
),

did as (
    select distinct user_key, day, kind from done
),

with_sign_up as (
    select
        user_key, day, kind,
        coalesce(
            min(case when kind = 'sign_up' then day end) over (partition by user_key),
            min(day) over (partition by user_key)
        ) as sign_up_day,
        count_if(kind = 'sign_up') over (partition by user_key) as stated_sign_ups,
        row_number() over (partition by user_key order by day, kind) as position
    from did
),

-- Of several stated sign-ups the earliest is the one; without any, the first activity is one as well.
activities as (
    select
        user_key,
        inline(array_compact(array(
            case when kind <> 'sign_up' or day = sign_up_day then struct(day, kind) end,
            case when stated_sign_ups = 0 and position = 1 then struct(sign_up_day as day, 'sign_up' as kind) end
        ))),
        sign_up_day
    from with_sign_up
),

versions as (
    select user_key, user_version_key, durable_user_key, valid_from, valid_to from dim_user
)

select
    xxhash64(activities.user_key, activities.day, activities.kind) as activity_key,
    cast(date_format(activities.day, 'yyyyMMdd') as int) as date_key,
    versions.user_version_key,
    versions.durable_user_key,
    activities.kind,
    activities.day >= activities.sign_up_day as is_after_sign_up
from activities
inner join versions
    on activities.user_key = versions.user_key
    and activities.day >= versions.valid_from
    and (versions.valid_to is null or activities.day < versions.valid_to)
