#!/usr/bin/env bash
# Makes what no image and no compose file may hold, each in a file that its owner alone may read; what is there stays.
# One folder for each circle of services: a folder is mounted only where its secrets are needed.
set -euo pipefail
umask 077

keep() { # FILE COMMAND ...: what the command says, unless something is there
  local file=$1
  [[ ! -s $file ]] || return 0
  "${@:2}" >"$file.draft"
  mv -- "$file.draft" "$file"
}

random() {
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

address() {
  printf 'postgresql+psycopg2://superset:%s@database:5432/metadata' "$(</secrets-metadata/password)"
}

keep /secrets/superset.key random
keep /secrets/superset_admin_password random
keep /secrets-shop/password random
keep /secrets-metadata/password random
keep /secrets-metadata/address address
echo 'The secrets are there.'
