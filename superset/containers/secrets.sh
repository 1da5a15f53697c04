#!/usr/bin/env bash
# Makes what no image and no compose file may hold, each in a file that its owner alone may read; what is there stays.
# One folder for each circle of services: a folder is mounted only where its secrets are needed.
set -euo pipefail
umask 077

keep() { # FILE, the text on stdin
  [[ ! -s $1 ]] || return 0
  cat >"$1.draft"
  mv -- "$1.draft" "$1"
}

random() {
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

random | keep /secrets/superset.key
random | keep /secrets/superset_admin_password
random | keep /secrets-shop/password
random | keep /secrets-metadata/password
printf 'postgresql+psycopg2://superset:%s@database:5432/metadata' "$(</secrets-metadata/password)" |
  keep /secrets-metadata/address
echo 'The secrets are there.'
