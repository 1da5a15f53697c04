#!/usr/bin/env bash
# Makes the secrets that no image and no compose file may hold, each in a file that only its owner can read; keeps
# existing ones. There is one folder for each group of services: a folder is mounted only where its secrets are needed.
set -euo pipefail
umask 077

keep() { # FILE COMMAND ...: write the command's output to the file, unless the file exists
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
