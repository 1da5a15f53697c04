#!/usr/bin/env bash
# Pins the packages of pyproject.toml and the jars of ivy.xml again. Neither lock file records their source.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=conf/setup/setup.sh
source "$root/conf/setup/setup.sh"

lock_packages() {
  (cd "$root" && "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal \
    --fork-strategy fewest --python-version 3.10 --extra dev pyproject.toml --output-file "$requirements" >/dev/null)
}

# Superset does not start with packages published later, so its packages are those of a day on which it did.
lock_superset() {
  (cd "$root/superset" && "$uv" pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal \
    --fork-strategy fewest --python-version 3.10 --exclude-newer 2026-06-15 requirements.in \
    --output-file requirements.txt >/dev/null)
}

lock_jars() {
  local fresh
  fresh=$(mktemp -d)
  retrieve_jars "$fresh" >/dev/null
  (cd "$fresh" && sha256sum -- *.jar >"$setup_dir/jars.sha256")
  rm -rf -- "$fresh" "$jars/.ivy"
}

lock_packages
lock_superset
lock_jars
set_up
