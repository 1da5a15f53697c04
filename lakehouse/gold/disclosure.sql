-- How persons may be counted: one row. Before `open_from` months are closed, and attributes are shown.
select :k as k, add_months(trunc(:as_of, 'month'), 1 - :open_months) as open_from
