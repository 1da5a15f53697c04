-- Grain: user × day × kind, up to the as-of date, of the users who count.
select activity.user_key, member.region, member.sign_up_date, activity.day, activity.kind
from activity
join member using (user_key)
cross join as_of
where activity.day <= as_of.day
