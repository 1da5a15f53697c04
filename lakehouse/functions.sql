-- What the SQL below this folder shares. Facts name a day by an integer: 27 November 2026 is 20261127.

-- The key of a day.
create or replace temporary function date_key(date_of_key date) returns int
return year(date_of_key) * 10000 + month(date_of_key) * 100 + day(date_of_key);

-- The day of a key.
create or replace temporary function date_of(key_of_date int) returns date
return make_date(key_of_date div 10000, key_of_date div 100 % 100, key_of_date % 100);

-- The first day of the month of a key's day.
create or replace temporary function month_of(key_of_date int) returns date
return make_date(key_of_date div 10000, key_of_date div 100 % 100, 1);

-- The year of a key's day.
create or replace temporary function year_of(key_of_date int) returns int
return int(key_of_date div 10000);

-- The month of a key's day, as one bit of twelve: January is 1, February 2, December 2048.
create or replace temporary function month_bit(key_of_date int) returns int
return 1 << int(key_of_date div 100 % 100 - 1);

-- The first day of the months that are not closed yet: from then on no attribute of persons is shown.
create or replace temporary function first_open_day(seen_on date, open_months int) returns date
return add_months(trunc(seen_on, 'month'), 1 - open_months);

-- The months of a year before a day, as bits like those of `month_bit`.
create or replace temporary function months_before(day_of_month date, in_year int) returns int
return case
    when in_year < year(day_of_month) then 4095
    when in_year > year(day_of_month) then 0
    else (1 << (month(day_of_month) - 1)) - 1
end;

-- The month after all others: of what has no month.
create or replace temporary function never() returns date
return date'9999-12-01';

-- Whether a version of a user is the user's on the day before a month begins: attributes are told as of then.
create or replace temporary function is_told(told_from date, told_to date, open_from date) returns boolean
return told_from < open_from and told_to >= open_from;
