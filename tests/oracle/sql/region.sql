select unnest(['Africa', 'Americas', 'Asia', 'Europe', 'Oceania', 'Unknown']) as region
