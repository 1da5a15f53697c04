"""Dashboards as code: assets and roles are brought into Superset, and what is gone from the code is gone there."""
