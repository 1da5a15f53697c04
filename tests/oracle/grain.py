"""The marts and the columns that name a row of each."""

GRAIN = {
    "mart_sales/monthly": ("period_start", "region", "category"),
    "mart_sales/quarterly": ("period_start", "region", "category"),
    "mart_sales/yearly": ("period_start", "region", "category"),
    "mart_sales/buyers": ("period", "period_start", "region", "category"),
    "mart_sales/products": ("period", "period_start", "region", "category", "subcategory", "product"),
    "mart_sales/trends": ("day", "region"),
    "mart_users/demographics": ("region", "gender", "age_band", "segment", "status"),
    "mart_users/sign_ups": ("month", "region", "channel"),
    "mart_users/activity": ("month", "region"),
    "mart_users/retention": ("cohort_month", "region", "months_since"),
    "mart_users/churn": ("month", "region", "channel"),
}
