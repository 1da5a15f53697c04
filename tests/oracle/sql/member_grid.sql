-- Grain: month × region × channel, dense.
select member_month.*, region.region, signed_up.channel
from member_month
cross join region
cross join (select distinct channel from member where sign_up_date is not null) as signed_up
