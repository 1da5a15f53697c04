-- The key of a ward.
create or replace temporary function ward_key(name string) returns bigint
return xxhash64(name);
