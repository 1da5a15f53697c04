-- One row per day, region, channel and span of months in which the users who came or went that day have these.
with

movements as (
    select
        user_spans.region,
        user_spans.channel,
        user_spans.told_from,
        user_spans.told_to,
        inline(array(
            struct(
                user_lifecycle.sign_up_date as day,
                1 as sign_ups, 0 as churned_users, int(user_spans.is_declared_churned) as declared_churned
            ),
            struct(user_lifecycle.churn_date as day, 0 as sign_ups, 1 as churned_users, 0 as declared_churned)
        ))
    from user_spans
    join user_lifecycle using (durable_user_key)
    where user_lifecycle.sign_up_date <= :up_to
)

select
    day,
    region,
    channel,
    told_from,
    told_to,
    sum(sign_ups) as sign_ups,
    sum(churned_users) as churned_users,
    sum(declared_churned) as declared_churned,
    count(*) as movements
from movements
group by day, region, channel, told_from, told_to
