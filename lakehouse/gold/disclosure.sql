-- One row.
-- The rules for counting persons: one row. Before `open_from` months are closed, and attributes are shown.
select :k as k, first_open_day(:as_of, :open_months) as open_from
