"""Superset, provisioned from code: its databases, roles, dashboards and row-level security."""
