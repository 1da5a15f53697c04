# shellcheck shell=bash
# Sourced by spark-submit.sh, which sets $root. Makes .venv (Python packages) and .jars (Delta, JDBC) once. Each step
# leaves a stamp of its pins, so a change of the pins or a killed setup is noticed and repaired.

readonly setup_dir=${root:?}/conf/setup
readonly requirements=$setup_dir/requirements.txt
readonly venv=$root/.venv
readonly uv=$venv/bin/uv
readonly jars=$root/.jars
readonly setup_log=$jars/setup.log
readonly needed_mb=2500

fail() {
  printf 'spark-submit.sh: %s\n' "$*" >&2
  exit 2
}

say() {
  printf 'Setting up (once): %s\n' "$*" >&2
}

sha256() {
  sha256sum -- "$1" | cut -d' ' -f1
}

# --- Python -----------------------------------------------------------------------------------------------------------

python_fits() {
  "$1" -ISc 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

find_python() {
  local candidate
  if [[ -n ${PYTHON:-} ]]; then
    python_fits "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.10 to 3.12; point PYTHON at one"
    printf '%s' "$PYTHON"
    return
  fi
  for candidate in python3.12 python3.11 python3.10 python3; do
    if python_fits "$candidate"; then
      printf '%s' "$candidate"
      return
    fi
  done
  fail "no Python 3.10 to 3.12 found; install one (Debian: apt install python3 python3-venv) or point PYTHON at it"
}

venv_stamp() {
  printf '%s %s %s' "$(sha256 "$requirements")" "$root" \
    "$("$venv/bin/python" -ISc 'import sys; print(sys.version.split()[0])' 2>/dev/null)"
}

venv_is_ready() {
  [[ -f $venv/.stamp && $(<"$venv/.stamp") == "$(venv_stamp)" ]]
}

# Whether packages of the environment may be replaced one by one: it was finished once, and its Python still runs.
venv_is_usable() {
  [[ -f $venv/.stamp && $(<"$venv/.stamp") == *" $root "* && -x $uv ]] && python_fits "$venv/bin/python"
}

create_venv() {
  local python
  python=$(find_python) || exit 2
  rm -rf -- "$venv"
  "$python" -m venv "$venv" && return
  rm -rf -- "$venv"
  return 1
}

# The pins of one package, with its hashes.
pin_of() {
  awk -v name="$1==" 'index($0, name) == 1 { on = 1 } on { print; if ($0 !~ /\\$/) exit }' "$requirements"
}

# uv, one of the pinned packages, installs all others in a third of pip's time. pip installs uv, and is then removed.
install_packages() {
  rm -f -- "$venv/.stamp"
  [[ -x $uv ]] || "$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r <(pin_of uv) || return 1
  "$uv" pip sync --quiet --compile-bytecode --require-hashes --python "$venv/bin/python" "$requirements"
}

set_up_venv() {
  venv_is_ready && return
  find_python >/dev/null || exit 2
  venv_is_usable || require_space
  say "Python packages ..."
  venv_is_usable || create_venv >>"$setup_log" 2>&1 ||
    fail "could not make $venv; Debian needs: apt install python3-venv (details: $setup_log)"
  install_packages >>"$setup_log" 2>&1 ||
    fail "could not install the Python packages; check the network and run again (details: $setup_log)"
  venv_stamp >"$venv/.stamp"
}

require_space() {
  local free_mb
  free_mb=$(df -Pm -- "$root" | awk 'NR == 2 { print $4 }')
  ((free_mb >= needed_mb)) ||
    fail "setting up needs $needed_mb MB of disk, $free_mb MB are free in $root; free some and run again"
}

# --- Java -------------------------------------------------------------------------------------------------------------

readonly java_remedy="install one (Debian: apt install openjdk-17-jdk-headless) or point JAVA_HOME at it"

find_java() {
  local java=${JAVA_HOME:+$JAVA_HOME/bin/java}
  java=${java:-$(command -v java || true)}
  [[ -n $java && -x $java ]] || fail "no Java found${JAVA_HOME:+ in JAVA_HOME=$JAVA_HOME}; Spark needs a JDK 17 or 21: $java_remedy"
  readlink -f -- "$java"
}

# A JDK states its version in a file; asking the program would cost a JVM start.
java_version() {
  local release=${1%/bin/java}/release line
  if [[ -r $release ]]; then
    line=$(grep -m1 '^JAVA_VERSION=' "$release")
  else
    line=$("$1" -version 2>&1 | grep -m1 version)
  fi
  line=${line#*\"}
  printf '%s' "${line%%\"*}"
}

require_java() {
  local java version
  java=$(find_java) || exit 2
  version=$(java_version "$java")
  case $version in
    17 | 17.* | 21 | 21.*) ;;
    *) fail "$java is Java ${version:-of an unknown version}; Spark needs a JDK 17 or 21: $java_remedy" ;;
  esac
  [[ -x ${java%/*}/javac ]] || fail "$java belongs to a runtime without javac; Spark needs a full JDK 17 or 21: $java_remedy"
}

# --- Jars -------------------------------------------------------------------------------------------------------------

spark_home() {
  local home
  for home in "$venv"/lib/python3.*/site-packages/pyspark; do
    printf '%s' "$home"
  done
}

jar_list() {
  local list=("$jars"/*.jar)
  local IFS=,
  printf '%s' "${list[*]}"
}

jars_are_ready() {
  local name
  cmp -s -- "$jars/.stamp" "$setup_dir/jars.sha256" || return
  while read -r _ name; do
    [[ -f $jars/$name ]] || return
  done <"$jars/.stamp"
}

# Uses the Ivy inside pyspark: nothing else must be installed.
retrieve_jars() { # FOLDER
  local ivy=("$(spark_home)"/jars/ivy-*.jar)
  "$(find_java)" -cp "${ivy[0]}" org.apache.ivy.Main -warn \
    -settings "${LAKEHOUSE_IVY_SETTINGS:-$setup_dir/ivysettings.xml}" -ivy "$setup_dir/ivy.xml" \
    -cache "$jars/.ivy" -retrieve "$1/[artifact]-[revision].[ext]"
}

set_up_jars() {
  jars_are_ready && return
  local fresh=$jars/.fresh
  say "jars of Delta Lake and of the databases ..."
  rm -rf -- "$jars"/*.jar "$jars/.stamp" "$fresh"
  retrieve_jars "$fresh" >>"$setup_log" 2>&1 ||
    fail "could not fetch the jars; check the network and run again (details: $setup_log)"
  (cd "$fresh" && sha256sum --check --strict --quiet "$setup_dir/jars.sha256") >>"$setup_log" 2>&1 ||
    fail "a fetched jar is not the one pinned in conf/setup/jars.sha256; run again, or ask who changed it"
  mv -- "$fresh"/*.jar "$jars"
  rm -rf -- "$fresh" "$jars/.ivy"
  cp -- "$setup_dir/jars.sha256" "$jars/.stamp"
}

# --- The SQL endpoint's gate: our own Java, compiled against pyspark's jars ------------------------------------------

readonly gate_sources=$root/lib/serving/gate
readonly gate_jar=$jars/lakehouse-gate.jar

gate_stamp() {
  cat -- "$gate_sources"/*.java "$requirements" | sha256sum | cut -d' ' -f1
}

gate_is_ready() {
  [[ ! -d $gate_sources ]] ||
    [[ -f $gate_jar && -f $jars/.gate && $(<"$jars/.gate") == "$(gate_stamp)" ]]
}

compile_gate() { # FOLDER
  local java_folder
  java_folder=$(dirname -- "$(find_java)")
  "$java_folder/javac" -nowarn -XDignore.symbol.file -d "$1" -cp "$(spark_home)/jars/*" "$gate_sources"/*.java &&
    "$java_folder/jar" --create --file "$jars/.gate.jar" -C "$1" .
}

set_up_gate() {
  gate_is_ready && return
  local fresh=$jars/.gate-classes
  say "the SQL endpoint's gate ..."
  rm -rf -- "$fresh" "$jars/.gate"
  compile_gate "$fresh" >>"$setup_log" 2>&1 || fail "could not compile $gate_sources (details: $setup_log)"
  mv -f -- "$jars/.gate.jar" "$gate_jar"
  rm -rf -- "$fresh"
  gate_stamp >"$jars/.gate"
}

# --- Both -------------------------------------------------------------------------------------------------------------

# One user's setup is usable for another only if both may use the Python that it refers to.
require_own_checkout() {
  local me owner
  mkdir -p -- "$jars" 2>/dev/null || true
  { : >>"$jars/.lock"; } 2>/dev/null && return
  me=$(id -un 2>/dev/null) || me=$UID
  owner=$(stat -c %U -- "$root")
  [[ $me == "$owner" ]] && fail "$root cannot be written; free some space there or mount it for writing, and run again"
  fail "$root belongs to $owner, and $me cannot use the setup there; clone the project into a folder of your own" \
    "and run it there"
}

set_up() {
  require_java
  if venv_is_ready && jars_are_ready && gate_is_ready; then return; fi
  require_own_checkout
  ( # if two first starts run at once, the second waits, then finds everything done
    flock --nonblock 9 || { say "waiting for another setup ..." && flock 9; }
    : >"$setup_log"
    set_up_venv
    set_up_jars
    set_up_gate
  ) 9>"$jars/.lock" || exit $?
}
