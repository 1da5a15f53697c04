-- One row per user and span of months in which the user has the same region and channel.
with

compared as (
    select
        durable_user_key,
        region,
        channel,
        is_declared_churned,
        told_from,
        told_to,
        coalesce(
            struct(region, channel)
                <=> lag(struct(region, channel)) over (partition by durable_user_key order by told_from),
            false
        ) as stays
    from user_versions
),

spans as (
    select
        durable_user_key,
        region,
        channel,
        is_declared_churned,
        told_from,
        told_to,
        count_if(not stays) over (partition by durable_user_key order by told_from) as span
    from compared
)

select
    durable_user_key,
    region,
    channel,
    is_declared_churned,
    min(told_from) as told_from,
    max(told_to) as told_to
from spans
group by durable_user_key, region, channel, is_declared_churned, span
