#!/usr/bin/env bash
# Opens the dashboards (make superset); sets up Superset's own environment, .venv-superset, first. See --help.
set -euo pipefail

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root
# shellcheck source=conf/setup/setup.sh
source "$root/conf/setup/setup.sh"

readonly superset_venv=$root/.venv-superset
readonly superset_requirements=$root/superset/requirements.txt

superset_stamp() {
  printf '%s %s' "$(sha256 "$superset_requirements")" "$root"
}

superset_is_ready() {
  [[ -f $superset_venv/.stamp && $(<"$superset_venv/.stamp") == "$(superset_stamp)" ]]
}

# Superset needs other versions of the lakehouse's packages, so it has its own environment.
install_superset() {
  "$uv" venv --quiet --no-project --clear --python "$venv/bin/python" "$superset_venv" &&
    "$uv" pip sync --quiet --compile-bytecode --require-hashes --python "$superset_venv/bin/python" "$superset_requirements"
}

set_up_superset() {
  superset_is_ready && return
  require_space
  say "Superset ..."
  install_superset >>"$setup_log" 2>&1 ||
    fail "could not install Superset; check the network and run again (details: $setup_log)"
  superset_stamp >"$superset_venv/.stamp"
}

set_up
set_up_superset
[[ ${1:-} != --setup-only ]] || exit 0
cd -- "$root"
exec "$venv/bin/python" -m lib.dashboards.launch "$@"
