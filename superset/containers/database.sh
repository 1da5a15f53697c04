#!/usr/bin/env bash
# PostgreSQL with two databases of two owners: `metadata` for Superset, `shop` for the splitter's database part. The
# server's own administrator has no password and can log in only from inside this container.
set -euo pipefail

readonly data=/store/postgres fresh=/store/fresh

owned_database() { # NAME OWNER FILE_OF_THE_PASSWORD
  psql -v ON_ERROR_STOP=1 -q -h /tmp -d postgres -v name="$1" -v owner="$2" -v file="$3" <<'SQL'
\set password `cat :file`
create role :"owner" login password :'password';
create database :"name" owner :"owner";
revoke all on database :"name" from public;
SQL
}

initialise() {
  rm -rf -- "$fresh"
  initdb -D "$fresh" -U lakehouse -E UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 >/dev/null
  echo 'host all all samenet scram-sha-256' >>"$fresh/pg_hba.conf"
  pg_ctl -D "$fresh" -s -w -o "-k /tmp -c listen_addresses=''" start
  owned_database metadata superset /secrets-metadata/password
  owned_database shop shop /secrets-shop/password
  pg_ctl -D "$fresh" -s -w stop
  mv -- "$fresh" "$data"
}

export PGUSER=lakehouse
[[ -d $data ]] || initialise
exec postgres -D "$data" -k /tmp -c listen_addresses='*'
