#!/usr/bin/env bash
# Runs one job of this lakehouse through the real spark-submit; first sets up what is missing.
set -euo pipefail

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
readonly root
readonly jobs_dir=${LAKEHOUSE_JOBS:-$root/jobs}
readonly default_job=pipeline
# shellcheck source=conf/setup/setup.sh
source "$root/conf/setup/setup.sh"
# shellcheck source=conf/setup/supervise.sh
source "$root/conf/setup/supervise.sh"

job_names() {
  local file name
  for file in "$jobs_dir"/*.py; do
    name=$(basename -- "$file" .py)
    [[ $name == _* || $name == '*' ]] || printf '%s\n' "$name"
  done
}

# The first line of a job's docstring, read as text: no interpreter starts for --help.
job_summary() {
  awk '/^[rR]?"""/ { gsub(/^[rR]?"""[ \\]*|"""[ ]*$/, ""); if ($0 == "") getline; print; exit }' "$jobs_dir/$1.py"
}

usage() {
  local name
  cat <<'TEXT'
Usage: ./spark-submit.sh [JOB] [OPTIONS]

Runs a job through spark-submit, on this machine unless --master names another. The first run sets up
what is missing (.venv, .jars). Without a JOB it runs pipeline.

Jobs (./spark-submit.sh JOB --help lists a job's options):
TEXT
  while read -r name; do
    printf '  %-18s %s\n' "$name" "$(job_summary "$name")"
  done < <(job_names)
  cat <<'TEXT'

Options of spark-submit may stand anywhere and go to it: --master, --deploy-mode, --jars, --packages, --py-files,
  --files, --archives, --properties-file, --driver-memory, --driver-cores, --driver-class-path,
  --driver-java-options, --driver-library-path, --executor-memory, --executor-cores, --num-executors,
  --total-executor-cores, --queue, --principal, --keytab, --proxy-user, --conf spark.NAME=VALUE.
Everything else, and everything after --, goes to the job; so does --conf FILE (a deployment of conf/).

  --setup-only       set up what is missing and stop
  --help             this text

Environment: PYTHON (3.10 to 3.12), JAVA_HOME (JDK 17 or 21), LAKEHOUSE_DRIVER_MEMORY (for example 4g),
  LAKEHOUSE_IVY_SETTINGS (the source of the jars, if not the public Maven repository),
  LAKEHOUSE_TEMP (folder for temporary files, readable only for this user; by default data/temp).
TEXT
}

# Splits the command line into spark_options, job and job_options.
job='' spark_options=() job_options=() extra_jars='' extra_modules='' master='' own_properties='' own_local_dir=''
take_spark_option() { # NAME VALUE
  case $1 in
    --jars) extra_jars+=",$2" ;;
    --py-files) extra_modules+=",$2" ;;
    --master) master=$2 && spark_options+=("$1" "$2") ;;
    --properties-file) own_properties=$2 && spark_options+=("$1" "$2") ;;
    --conf)
      [[ $2 != spark.master=* ]] || master=${2#*=}
      [[ $2 != spark.local.dir=* ]] || own_local_dir=${2#*=}
      spark_options+=("$1" "$2")
      ;;
    *) spark_options+=("$1" "$2") ;;
  esac
}

# The job may be anywhere: it is a word that names a job, unless it is the value of the option before it.
is_job() { # WORD PREVIOUS
  [[ -z $job && $1 =~ ^[A-Za-z0-9_]+$ && -f $jobs_dir/$1.py && ($2 != -* || $2 == *=*) ]]
}

route() {
  local name previous=''
  while (($#)); do
    name=${1%%=*}
    case $name in
      --) shift && job_options+=("$@") && return ;;
      --master | --deploy-mode | --jars | --packages | --exclude-packages | --repositories | --py-files | --files | \
        --archives | --properties-file | --driver-memory | --driver-cores | --driver-class-path | \
        --driver-java-options | --driver-library-path | --executor-memory | --executor-cores | --num-executors | \
        --total-executor-cores | --queue | --principal | --keytab | --proxy-user | --conf)
        if [[ $1 == "$name="* ]]; then
          set -- "$name" "${1#*=}" "${@:2}"
        fi
        (($# > 1)) || fail "$name needs a value"
        if [[ $name == --conf && $2 != spark.*=* ]]; then
          job_options+=("$1" "$2")
        else
          take_spark_option "$1" "$2"
        fi
        previous=$2
        shift 2
        ;;
      *)
        if is_job "$1" "$previous"; then job=$1; else job_options+=("$1"); fi
        previous=$1
        shift
        ;;
    esac
  done
}

nearest_job() {
  local python
  python=$(find_python 2>/dev/null) || return 0
  job_names | "$python" -c '
import difflib, sys
print(*difflib.get_close_matches(sys.argv[1], sys.stdin.read().split(), 1, 0.5))' "$1"
}

require_job() {
  [[ $job =~ ^[A-Za-z0-9_]+$ && -f $jobs_dir/$job.py ]] && return
  local nearest
  nearest=$(nearest_job "$job")
  fail "there is no job $job${nearest:+; did you mean $nearest?} (./spark-submit.sh --help lists the jobs)"
}

# A quarter of the machine's memory, 1 to 5 GB: Spark's own default of 1 GB is too little for a million rows.
driver_memory() {
  local mb=8192
  [[ ! -r /proc/meminfo ]] || mb=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
  mb=$((mb / 4))
  ((mb <= 5120)) || mb=5120
  ((mb >= 1024)) || mb=1024
  printf '%dm' "$mb"
}

set_environment() {
  export SPARK_HOME SPARK_CONF_DIR SPARK_DRIVER_MEMORY PYTHONPATH
  SPARK_HOME=$(spark_home)
  SPARK_CONF_DIR=$root/conf
  # The weakest way to set it, so --driver-memory, --conf and --properties-file win.
  SPARK_DRIVER_MEMORY=${LAKEHOUSE_DRIVER_MEMORY:-$(driver_memory)}
  PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
  export LAKEHOUSE_PYTHON=$venv/bin/python PYSPARK_DRIVER_PYTHON=$setup_dir/driver-python
  export PYSPARK_PYTHON=${PYSPARK_PYTHON:-$venv/bin/python}
}

# Megabytes that a job reads of the lake and of its inputs; fails if one of them is not in local files, or is named in a
# deployment. A batch reads few columns of all rows of a lake, and computes only with the rows of its persons.
local_megabytes() {
  local word previous='' lake=$root/data/lake files=() part=1
  for word in ${job_options[@]+"${job_options[@]}"}; do
    case $word in --lake=* | --input=*) previous=${word%%=*} word=${word#*=} ;; esac
    [[ $word != *://* && $word != --conf* ]] || return
    case $previous in
      --lake) lake=$word ;;
      --input) # a manifest's parts are beside it
        [[ $word != */manifest.json ]] || word=${word%/*}
        mapfile -t -O "${#files[@]}" files < <(compgen -G "$word")
        ;;
    esac
    previous=$word
  done
  ((${#files[@]} == 0)) || [[ " ${job_options[*]} " =~ \ --rebuild\ |\ --audit[=\ ]full\  ]] || part=32
  printf '%d' "$(($(megabytes "$lake") / part + $(megabytes ${files[@]+"${files[@]}"})))"
}

# Of all together; what does not exist has no size.
megabytes() { # FILE...
  { (($# == 0)) || du -smc -- "$@" 2>/dev/null || true; } | awk 'END { print $1 + 0 }'
}

# Java's second compiler pays for loops over millions of rows. For few rows, compiling takes longer than it saves: a third
# of the processor time of a load of 10,000 rows, into an empty lake or one of a million. The first compiler alone needs
# more room for code than by default.
quick_compiler() {
  local megabytes
  [[ -z ${SPARK_SUBMIT_OPTS+set} && $job != serve_sql && $job != benchmark ]] || return 0
  megabytes=$(local_megabytes) || return 0
  ((megabytes > 64)) ||
    export SPARK_SUBMIT_OPTS='-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m'
}

# Whether a folder for temporary files belongs to this user; closes it to everybody else.
is_private() {
  [[ -d $1 && ! -L $1 && -O $1 && -w $1 ]] && chmod 700 -- "$1"
}

readonly temporary_remedy='name another one in LAKEHOUSE_TEMP'
temporary_root() {
  local place
  for place in "${LAKEHOUSE_TEMP:-$root/data/temp}" "${TMPDIR:-/tmp}/lakehouse-$UID"; do
    mkdir -p -- "$place" 2>/dev/null || true
    if is_private "$place" 2>/dev/null; then printf '%s' "$place" && return; fi
    [[ -z ${LAKEHOUSE_TEMP-} ]] || break
  done
  fail "no private folder for temporary files: $place does not belong to this user; $temporary_remedy"
}

# Makes a job's own folder in a private one and names it in $own_folder. The job holds it by a lock as long as one of its
# processes lives. A folder without a lock comes from a killed job, and is removed now.
own_folders=() own_folder=''
take_folder() { # PLACE REMEDY
  local left guard hold
  { : >>"$1/.lock"; } 2>/dev/null || fail "$1 cannot be written; free some space there, or $2"
  exec {guard}>"$1/.lock"
  flock "$guard"
  for left in "$1"/job-*; do
    if [[ -d $left ]] && flock --nonblock "$left" true && nobody_holds "$left/.lock"; then rm -rf -- "$left"; fi
  done
  own_folder=$(mktemp -d "$1/job-XXXXXXXX" 2>/dev/null) || fail "$1 cannot be written; free some space there, or $2"
  exec {hold}<"$own_folder" # the folder itself: a lock file would need room on a full disk
  flock "$hold"
  exec {guard}>&-
  own_folders+=("$own_folder")
}

# Jobs of an earlier release held their folders by this file.
nobody_holds() { [[ ! -e $1 ]] || flock --nonblock "$1" true; }

leave_no_folder() {
  ((${#own_folders[@]} == 0)) || rm -rf -- "${own_folders[@]}" 2>/dev/null || true
}

# The operator's folders for Spark's spill files, if any are set, in Spark's own order of precedence.
stated_local_dirs() {
  local stated=${SPARK_LOCAL_DIRS:-$own_local_dir}
  if [[ -z $stated && -r $own_properties ]]; then
    stated=$(awk '$1 ~ /^spark\.local\.dir/ { sub(/^[ \t]*spark\.local\.dir[ \t]*[=: \t][ \t]*/, ""); print }' "$own_properties")
  fi
  printf '%s' "$stated"
}

# Spark's spill and shuffle files hold rows. So each of the operator's places gets a private folder for this user, with
# one folder per job: files that Spark makes directly in a place would stay there for ever after a kill.
private_local_dirs() { # LIST
  local place dirs='' remedy='name another folder by --conf spark.local.dir=FOLDER'
  local IFS=,
  for place in $1; do
    place=$place/lakehouse-$UID
    mkdir -p -- "$place" 2>/dev/null || true
    is_private "$place" 2>/dev/null || fail "no folder for Spark's spill files can be made in ${place%/*}; $remedy"
    take_folder "$place" "$remedy"
    dirs+=${dirs:+,}$own_folder
  done
  SPARK_LOCAL_DIRS=$dirs
}

private_temporary_files() {
  local place stated
  place=$(temporary_root) || exit 2
  take_folder "$place" "$temporary_remedy"
  TMPDIR=$own_folder SPARK_LOCAL_DIRS=${SPARK_LOCAL_DIRS-}
  stated=$(stated_local_dirs)
  if [[ -n $stated ]]; then private_local_dirs "$stated"; else SPARK_LOCAL_DIRS=$TMPDIR; fi
  export TMPDIR SPARK_LOCAL_DIRS
}

# Leaves no value of a row where others could read it or where it would stay: files are for their owner only, and there
# is neither a core, a memory dump nor a file with the figures of the process.
leave_nothing_behind() {
  umask 077
  ulimit -c 0
  private_temporary_files
  local options="\"-Djava.io.tmpdir=$TMPDIR\" \"-XX:ErrorFile=$TMPDIR/hs_err_%p.log\""
  # The JVM's own messages at its end belong to stderr: stdout is for the job's results.
  options+=' -XX:-UsePerfData -XX:-HeapDumpOnOutOfMemoryError -XX:+DisplayVMOutputToStderr'
  export SPARK_SUBMIT_OPTS="${SPARK_SUBMIT_OPTS:+$SPARK_SUBMIT_OPTS }$options"
}

# On a cluster the executors need the project's modules too.
modules_zip() {
  local zip=$root/dist/lakehouse-modules.zip
  mkdir -p "$root/dist"
  (cd "$root" && "$venv/bin/python" -m zipfile -c "$zip" lib lakehouse splitter) || fail "could not write $zip"
  printf '%s' "$zip"
}

# A process that serves others must not hold secrets of the user who started it: it keeps only the variables that Java,
# Spark and Python need. And Java itself loads the jars: when a session ends, Hive closes the class loader of --jars.
endpoint_environment() {
  local name
  while read -r name; do
    case $name in
      PATH | HOME | LANG | LC_* | TZ | TMPDIR | JAVA_HOME | HADOOP_CONF_DIR | PYTHONPATH | PYTHONUNBUFFERED) ;;
      SPARK_HOME | SPARK_CONF_DIR | SPARK_DRIVER_MEMORY | SPARK_LOCAL_DIRS | SPARK_SUBMIT_OPTS) ;;
      PYSPARK_PYTHON | PYSPARK_DRIVER_PYTHON | LAKEHOUSE_*) ;;
      *) unset -v "$name" 2>/dev/null || true ;;
    esac
  done < <(compgen -e)
  spark_options+=(--driver-class-path "$(jar_list | tr , :)")
}

# Copies until the writers are gone; they handle a Ctrl-C.
relay() {
  trap '' INT TERM HUP
  exec "$@"
}

# Keeps the true stdout and stderr as 8 and 9 for the job (see conf/setup/driver-python). Unless a stream is a terminal,
# it goes through a cat: a file opened twice would have two writers, and a pipe without a reader cannot be opened.
keep_streams() {
  exec 8>&1 9>&2
  [[ -d /proc/$$/fd ]] || return 0
  [[ -t 1 ]] || exec 8> >(relay cat >&1)
  if [[ ! -t 2 ]]; then
    if [[ /dev/fd/1 -ef /dev/fd/2 ]]; then exec 9>&8; else exec 9> >(relay cat >&2); fi
  fi
}

submit() {
  local modules
  [[ -z $own_properties ]] || spark_options=(--load-spark-defaults "${spark_options[@]}")
  if [[ ${master:-local} != local* ]]; then
    modules=$(modules_zip)
    extra_modules=$modules$extra_modules
  fi
  [[ -z $extra_modules ]] || spark_options=(--py-files "${extra_modules#,}" ${spark_options[@]+"${spark_options[@]}"})
  quick_compiler
  leave_nothing_behind
  keep_streams
  [[ $job != serve_sql ]] || endpoint_environment
  run_job "$SPARK_HOME/bin/spark-submit" --name "$job" --jars "$(jar_list)$extra_jars" ${spark_options[@]+"${spark_options[@]}"} \
    "$jobs_dir/$job.py" ${job_options[@]+"${job_options[@]}"}
}

main() {
  case ${1:-} in
    -h | --help | help) usage && return ;;
    --setup-only) set_up && return ;;
  esac
  route "$@"
  if [[ -z $job && ${job_options[0]:--} != -* ]]; then
    job=${job_options[0]}
    job_options=("${job_options[@]:1}")
  fi
  job=${job:-$default_job}
  require_job
  set_up
  set_environment
  case " ${job_options[*]-} " in
    *' --help '* | *' -h '*) exec "$venv/bin/python" "$jobs_dir/$job.py" "${job_options[@]}" ;;
  esac
  submit
}

main "$@"
