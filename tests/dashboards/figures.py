"""What each chart must show, computed from the published tables by DuckDB: a second way to the same figures.

The first column is the place of a figure, the others are the figures.
"""

from __future__ import annotations

SALES = {
    "revenue": "select period_start, sum(revenue) from mart_sales.monthly where is_complete group by 1",
    "orders": "select period_start, sum(order_lines) from mart_sales.monthly where is_complete group by 1",
    "order_value": """
        select period_start, sum(gross_revenue) / nullif(sum(order_lines), 0)
        from mart_sales.monthly where is_complete group by 1""",
    "buyers": """
        select period_start, max(buyers) from mart_sales.buyers where period = 'month' and is_complete group by 1""",
    "last_year": """
        select now.period_start, sum(now.revenue), sum(before.revenue)
        from mart_sales.monthly as now
        left join mart_sales.monthly as before
            on before.period_start = now.period_start - interval 1 year
            and before.region = now.region and before.category = now.category and before.is_complete
        where now.is_complete group by 1""",
    "trend": "select day, sum(revenue_7d), sum(revenue_28d) from mart_sales.trends group by 1",
    "quarters": "select period_start, sum(revenue) from mart_sales.quarterly group by 1",
    "years": "select period_start, sum(revenue) from mart_sales.yearly group by 1",
    "regions": "select region, sum(revenue) from mart_sales.monthly group by 1",
    "categories": "select category, sum(revenue) from mart_sales.monthly group by 1",
    "buyers_by_month": """
        select period_start, max(buyers) from mart_sales.buyers where period = 'month' and is_complete group by 1""",
    "products": """
        select product, sum(revenue), sum(order_lines), sum(units), sum(rating_sum) / nullif(sum(rating_count), 0)
        from mart_sales.products where period = 'month' group by product, category, subcategory""",
}
USERS = {
    "users": "select '', sum(users) from mart_users.demographics",
    "sign_ups": "select month, sum(sign_ups) from mart_users.sign_ups where is_complete group by 1",
    "churn_rate": """
        select month, sum(churned_users) / nullif(sum(users_at_start), 0)
        from mart_users.churn where is_complete group by 1""",
    "ages": "select age_band, sum(users) from mart_users.demographics group by age_band, gender",
    "segments": "select segment, sum(users) from mart_users.demographics group by 1",
    "channels": "select month, sum(sign_ups) from mart_users.sign_ups where is_complete group by month, channel",
    "buyers": """
        select month, sum(new_buyers), sum(repeat_buyers) from mart_users.activity where is_complete group by 1""",
    "retention": """
        select months_since, sum(retained_users) / sum(cohort_users) from mart_users.retention
        where is_complete and months_since between 1 and 12
        group by months_since, year(cohort_month), quarter(cohort_month)""",
    "churn": """
        select month, sum(churned_users) / nullif(sum(users_at_start), 0)
        from mart_users.churn where is_complete group by 1""",
}
OPERATIONS = {
    "as_of": "select '', epoch_ms(max(as_of)::timestamp) from mart_operations.runs where status = 'published'",
    "published_at": "select '', epoch_ms(max(finished_at)) from mart_operations.runs where status = 'published'",
    "accepted_share": "select '', sum(accepted) / sum(rows_in) from mart_operations.runs",
    "failed": "select '', count(*) filter (where status <> 'published') from mart_operations.runs",
    "outcomes": """
        select run_id, sum(accepted), sum(quarantined), sum(duplicates), sum(suppressed), sum(erased)
        from mart_operations.runs group by 1""",
    "rules": """
        select rule, sum(violations) from mart_operations.quality where violations > 0 group by rule, consequence""",
    "rules_over_time": """
        select rule, sum(violations) from mart_operations.quality where violations > 0 group by rule, run_id""",
    "runs": """
        select run_id, epoch_ms(as_of::timestamp), seconds, rows_in, accepted, quarantined, duplicates
        from mart_operations.runs""",
}
EXPECTED = {"sales": SALES, "users": USERS, "operations": OPERATIONS}
# What a data answer calls the places of its figures.
PLACES = {
    *("period_start", "day", "month", "region", "category", "subcategory", "product", "age_band", "segment", "rule"),
    *("months_since", "finished_at", "job", "status", "Run", "Rule", "Joined", "rank"),
}
