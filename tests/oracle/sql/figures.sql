select
    (select count(*) from typed) as rows,
    (select count(*) from line where copy = 1) as accepted,
    (select count(*) from typed) - (select count(*) from line) as quarantined,
    (select count(*) from line where copy > 1) as duplicates,
    (select count(distinct user_key) from typed) as users,
    (select cast(coalesce(sum(revenue), 0) as decimal(28, 4)) from line where copy = 1) as revenue,
    (
        select count(*)
        from line
        join reason using (source_row)
        where line.copy = 1 and reason.code = 'purchase_before_sign_up'
    ) as accepted_before_sign_up,
    (select count(*) from version where is_current and age_band = '15-17') as minors,
    (select count(day) from churn_day) as churned,
    (select day from as_of) as as_of
