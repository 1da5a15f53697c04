select *
from (
    values ('month', interval 1 month), ('quarter', interval 3 month), ('year', interval 1 year)
) as kind (period, step)
