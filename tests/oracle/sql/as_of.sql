-- One row: the day up to which the marts count; NULL where no row states any date.
select
    coalesce(
        (select as_of from parameter),
        (select max(extract_date) from batch),
        (
            select max(greatest(sign_up_date, last_purchase_date, last_login_date, purchase_date)) + 1
            from typed
            where user_key is not null
        )
    ) as day
