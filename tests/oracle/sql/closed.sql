-- One row: the first day of the first month that is not closed. Attributes are told of closed months only.
select cast(date_trunc('month', as_of.day) + (1 - parameter.open_months) * interval 1 month as date) as open_from
from as_of
cross join parameter
