#!/usr/bin/env bash
# The containers of docker-compose.yml where no Docker engine and no image registry is: on Debian, as root, with podman,
# runc, buildah, podman-compose and debootstrap. Builds the images on a Debian of its own, starts service by service,
# each when what it needs is healthy or has done its part, and waits. See usage.
set -euo pipefail

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
readonly root
readonly compose=$root/superset/docker-compose.yml
readonly work=${LAKEHOUSE_PODMAN_WORK:-$root/data/podman}
readonly project=lakehouse
readonly base=localhost/lakehouse-base:bookworm
readonly certificates=/etc/ssl/certs/ca-certificates.crt
readonly seconds_to_start=${LAKEHOUSE_SECONDS_TO_START:-900}

usage() {
  cat <<'TEXT'
Usage: tests/dashboards/with-podman.sh build | up | logins | down | clean

  build   make the base image and the images of the services (minutes; needs a network)
  up      start all, until the dashboards can be opened; says how long each service took
  logins  print the logins of the demo users
  down    stop and remove the containers and networks; the volumes stay
  clean   the same, and remove the volumes

Environment: LAKEHOUSE_PORT (8088), LAKEHOUSE_SECONDS_TO_START (900, for each service), LAKEHOUSE_PODMAN_WORK.
TEXT
}

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  say "with-podman.sh: $*"
  exit 1
}

# --- Images -----------------------------------------------------------------------------------------------------------

# With the certificates that this machine trusts: a company's proxy may stand between a build and what it fetches.
make_base() {
  local folder=$work/debian own=/usr/local/share/ca-certificates
  podman image exists "$base" && return
  say 'Debian ...'
  rm -rf -- "$folder"
  mkdir -p -- "$work"
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$folder" >"$work/base.log" 2>&1 ||
    fail "debootstrap failed; see $work/base.log"
  cp -r -- "$own/." "$folder$own/"
  chroot "$folder" update-ca-certificates >>"$work/base.log" 2>&1
  tar -C "$folder" -c . | podman import --quiet --change "ENV SSL_CERT_FILE=$certificates" \
    --change "ENV PIP_CERT=$certificates" --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    - "$base" >/dev/null
  rm -rf -- "$folder"
}

# What uv has fetched once on this machine, it need not fetch again. Images are built by root, as this runs: one home.
cache_options() {
  local cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/uv}
  [[ ! -d $cache ]] || printf '%s\n' --volume "$cache:$HOME/.cache/uv"
}

build() {
  local name options
  make_base
  mapfile -t options < <(cache_options)
  for name in stores:stores superset:superset jobs:lakehouse; do
    say "image of ${name%:*} ..."
    buildah bud --isolation chroot --layers=false ${options[@]+"${options[@]}"} --build-arg "BASE_IMAGE=$base" \
      --tag "localhost/lakehouse-${name%:*}:0.1.0" --file "$root/superset/Dockerfile.${name#*:}" "$root" \
      >"$work/build-${name%:*}.log" 2>&1 || fail "no image of ${name%:*}; see $work/build-${name%:*}.log"
  done
}

# --- Containers -------------------------------------------------------------------------------------------------------

# The services in the order in which they may start: NAME, and whether it serves or does its part once.
services() {
  /usr/bin/python3 - "$compose" <<'PYTHON'
import sys
import yaml

services = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))["services"]
done = []
while len(done) < len(services):
    ready = [name for name in services if name not in done and set(services[name].get("depends_on", {})) <= set(done)]
    done.append(ready[0])
for name in done:
    print(name, "serves" if "healthcheck" in services[name] else "once")
PYTHON
}

# Debian's podman-compose knows no conditions between services: here the order is kept, so they are left out.
without_order() {
  /usr/bin/python3 - "$compose" "$work/docker-compose.yml" <<'PYTHON'
import sys
import yaml

stack = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
for service in stack["services"].values():
    service.pop("depends_on", None)
    service.pop("build")
with open(sys.argv[2], "w", encoding="utf-8") as file:
    yaml.safe_dump(stack, file, sort_keys=False)
PYTHON
}

# Debian's podman takes crun by itself, which does not run everywhere.
engine_settings() {
  cat >"$work/containers.conf" <<'TOML'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
TOML
  export CONTAINERS_CONF=$work/containers.conf
}

container() {
  printf '%s_%s_1' "$project" "$1"
}

status() { # SERVICE: running, exited, ...
  podman inspect --format '{{.State.Status}}' "$(container "$1")" 2>/dev/null
}

require() { # SERVICE REASON
  podman logs --tail 20 "$(container "$1")" >&2 || true
  fail "$1 $2"
}

wait_until_done() { # SERVICE
  local code
  code=$(podman wait "$(container "$1")")
  [[ $code == 0 ]] || require "$1" "ended with $code"
}

wait_until_healthy() { # SERVICE
  local end=$((SECONDS + seconds_to_start))
  until podman healthcheck run "$(container "$1")" >/dev/null 2>&1; do
    [[ $(status "$1") == running ]] || require "$1" 'ended'
    ((SECONDS < end)) || require "$1" "was not healthy within $seconds_to_start s"
    sleep 1
  done
}

start() { # SERVICE HOW
  local began=$SECONDS
  podman rm --force --ignore "$(container "$1")" >>"$work/podman.log" 2>&1
  podman-compose --project-name "$project" --file "$work/docker-compose.yml" up --detach --no-build "$1" \
    >"$work/$1.log" 2>&1 </dev/null || fail "$1 could not be started; see $work/$1.log"
  [[ -n $(status "$1") ]] || fail "$1 could not be started; see $work/$1.log"
  if [[ $2 == once ]]; then wait_until_done "$1"; else wait_until_healthy "$1"; fi
  say "$1: $([[ $2 == once ]] && echo 'done' || echo 'healthy') after $((SECONDS - began)) s"
}

up() {
  local order line
  without_order
  mapfile -t order < <(services)
  for line in "${order[@]}"; do
    start "${line% *}" "${line#* }"
  done
  say "Ready after $SECONDS s: http://127.0.0.1:${LAKEHOUSE_PORT:-8088}"
}

logins() {
  podman exec "$(container endpoint)" cat /secrets/demo_users.csv
}

# By name, one by one, in the opposite order: what else runs on this machine is none of our business.
down() {
  local order line
  mapfile -t order < <(services | tac)
  for line in "${order[@]}"; do
    podman rm --force --ignore --time 20 "$(container "${line% *}")" >>"$work/podman.log" 2>&1
  done
  remove network networks
}

remove() { # KIND KEY: the networks or volumes that the compose file names
  local names name
  mapfile -t names < <(/usr/bin/python3 -c 'import sys, yaml; print(*yaml.safe_load(open(sys.argv[1]))[sys.argv[2]], sep="\n")' "$compose" "$2")
  for name in "${names[@]}"; do
    ! podman "$1" exists "${project}_$name" || podman "$1" rm "${project}_$name" >/dev/null
  done
}

case ${1:-} in
  build | up | logins | down | clean) ;;
  *) usage && exit 2 ;;
esac
mkdir -p -- "$work"
engine_settings
if [[ $1 != clean ]]; then
  "$1"
else
  down
  remove volume volumes
fi
