-- One row per user, day and kind of activity.
-- A user has up to three events on a day, and each may be stated several times. A day is one row until the end, with a
-- number whose bits are the events: 1 a login, 2 a purchase, 4 a stated sign-up. So 3 is a day with a login and a
-- purchase; `bit_or` joins the statements of several rows, and `kinds & 2 <> 0` asks whether there was a purchase.
with

-- By user from here on, so that neither the distinct step nor the window moves a row again.
done as (
    select /*+ repartition(durable_user_key) */ durable_user_key, day, kind
    from (
        select
            xxhash64(user_key) as durable_user_key,
            inline(array(
                struct(last_login_date as day, 1 as kind),
                struct(last_purchase_date as day, 2 as kind),
                struct(sign_up_date as day, 4 as kind)
            ))
        from users
        union all
        select xxhash64(user_key) as durable_user_key, purchase_date as day, 2 as kind from purchases where quantity > 0
    )
    where day is not null
),

days as (
    select durable_user_key, day, bit_or(kind) as kinds
    from done
    group by durable_user_key, day
),

-- Of several stated sign-ups the earliest counts; without any, the first activity is also the sign-up.
with_sign_up as (
    select
        durable_user_key, day, kinds,
        coalesce(
            min(case when kinds & 4 <> 0 then day end) over (partition by durable_user_key),
            min(day) over (partition by durable_user_key)
        ) as sign_up_day
    from days
),

versions as (
    select user_version_key, durable_user_key, valid_from, valid_to from dim_user
),

-- Three kinds per day; a NULL kind did not happen.
activities as (
    select
        with_sign_up.durable_user_key,
        with_sign_up.day,
        date_key(with_sign_up.day) as date_key,
        versions.user_version_key,
        with_sign_up.day >= with_sign_up.sign_up_day as is_after_sign_up,
        explode(array(
            case when with_sign_up.kinds & 1 <> 0 then 'login' end,
            case when with_sign_up.kinds & 2 <> 0 then 'purchase' end,
            case when with_sign_up.day = with_sign_up.sign_up_day then 'sign_up' end
        )) as kind
    from with_sign_up
    inner join versions
        on with_sign_up.durable_user_key = versions.durable_user_key
        and with_sign_up.day >= versions.valid_from
        and (versions.valid_to is null or with_sign_up.day < versions.valid_to)
)

select
    xxhash64(durable_user_key, day, kind) as activity_key,
    date_key,
    user_version_key,
    durable_user_key,
    kind,
    is_after_sign_up
from activities
where kind is not null
