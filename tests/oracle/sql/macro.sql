-- What several tables compute alike.

create macro valid_day(text, newest) as
    case
        when regexp_full_match(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            and try_cast(text as date) between date '2000-01-01' and newest
        then try_cast(text as date)
    end;

-- A whole number: 3, +3, -3, 3.0; anything else, or too large: NULL.
create macro whole_number(text) as
    case
        when regexp_full_match(text, '[+-]?[0-9]+([.]0*)?')
        then try_cast(ltrim(split_part(text, '.', 1), '+') as integer)
    end;

-- A plain decimal literal, rounded half up; anything else, or too large: NULL.
create macro amount(text) as
    case
        when regexp_full_match(text, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)')
        then try_cast(ltrim(text, '+') as decimal(18, 4))
    end;

create macro growth(now, earlier, both_complete) as
    case
        when both_complete and earlier <> 0
        then cast(now - earlier as double) / cast(earlier as double)
    end;

-- A period ended before the as-of date and began no earlier than the first sale (sign-up).
create macro is_complete(period_start, next_start, first_day, as_of) as
    coalesce(next_start <= as_of and period_start >= first_day, false);

-- The mean in units of 1/10000, rounded half away from zero in whole numbers: no float on the way.
create macro rounded_mean(total, days) as
    cast(
        cast(
            sign(total) * ((2 * cast(abs(total) * 10000 as hugeint) + days) // (2 * days)) as decimal(28, 0)
        ) * 0.0001
        as decimal(28, 4)
    );
