-- One row per version of a user that is the user's at the beginning of some month.
-- A version is told from the month after `told_from` to the month `told_to`: `is_told` compares both with a month.
with

versions as (
    select
        dim_user.durable_user_key,
        dim_geography.region,
        dim_user.gender,
        dim_user.age_band,
        dim_user.segment,
        dim_user.status,
        dim_user.channel,
        dim_user.age_band = '15-17' as is_minor,
        bool_or(dim_user.is_current and dim_user.status = 'Churned')
            over (partition by dim_user.durable_user_key) as is_declared_churned,
        trunc(dim_user.valid_from, 'month') as told_from,
        coalesce(trunc(dim_user.valid_to, 'month'), never()) as told_to
    from dim_user
    join dim_geography using (geography_key)
    where dim_user.durable_user_key not in (:unknown_dim_user, :restricted_dim_user)
)

select
    durable_user_key,
    region,
    gender,
    age_band,
    if(is_minor, 'Other', segment) as segment,
    if(is_minor, 'Other', status) as status,
    if(is_minor, 'Other', channel) as channel,
    is_declared_churned,
    told_from,
    told_to
from versions
where told_from < told_to
