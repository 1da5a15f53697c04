# shellcheck shell=bash
# Sourced by spark-submit.sh. Runs Spark as a child and prints the last line: after any end of a job, the last line on
# stderr states what happened and what to do, and no line of Java's comes before it unless somebody asked for it.
#
# Mostly the job itself prints that line. It cannot if the JVM did not start, was killed or ran out of memory, or if the
# job itself was stopped. The job shows its progress by removing files, which works on a full disk too.

readonly unstarted=.unstarted # removed by conf/setup/driver-python
readonly unsaid=.unsaid       # removed by lib/cli.py, once the last line is printed
readonly job_process=.pid     # written by conf/setup/driver-python
readonly java_said=.java      # the beginning of the JVM's stderr, for the diagnosis of a failed start
readonly again='Run the same command again'

# Java's and Spark's lines are shown on request, without the texts of errors, which may quote rows. An exception keeps
# its class and places. A line of a log or of the JVM loses texts in quotes and long numbers. All other lines are
# dropped: they may be the rest of a text.
masked() {
  local thrown='((Caused by: |Suppressed: |Exception in thread "[^"]*" |[ \t]*)[A-Za-z0-9_.$]+(Exception|Error|Throwable))'
  sed -u -n -E -e '/^WARNING: Using incubator modules/d' -e '/^[0-9]{4}-[0-9-]+T[0-9:]+Z /{p;d}' \
    -e '/^[ \t]+(at [A-Za-z]|\.\.\. [0-9]+ more)/{p;d}' -e "/^$thrown(:.*)?\$/{s/^$thrown(:.*)?\$/\1/;p;d}" \
    -e "s/'[^']*'|\"[^\"]*\"|[0-9]{3,}/*/g" \
    -e '/^([0-9*]+-[0-9]{2}-[0-9]{2}T|[0-9]{2}\/[0-9]{2}\/|WARNING|Error|Terminating|OpenJDK|Invalid|Too |#)/p'
}

shows_java() {
  [[ " ${job_options[*]-} " == *' --verbose '* || " ${spark_options[*]-} " == *' spark.log.level='* ]]
}

# Handles the JVM's lines on stderr.
java_lines() {
  trap '' INT TERM HUP # it copies until the writers are gone
  if shows_java; then
    tee >(keep_beginning) | masked
  elif [[ $job == serve_sql ]]; then # the journal of its gate
    exec sed -u -n -E '/^[0-9]{4}-[0-9-]+T[0-9:]+Z /p'
  else
    keep_beginning
  fi
}

keep_beginning() {
  head -c 65536 >"$TMPDIR/$java_said" 2>/dev/null || true
  cat >/dev/null
}

# The JVM ignores Ctrl-C, like all that bash starts in the background: the job handles it while Java still works.
signals=0 caught='' java=''
pass_on() { # NAME
  local process=$java
  signals=$((signals + 1)) caught=$1
  [[ ! -s $TMPDIR/$job_process ]] || process=$(<"$TMPDIR/$job_process")
  [[ -z $process ]] || kill -TERM "$process" 2>/dev/null || kill -TERM "$java" 2>/dev/null || true
}

as_child() {
  export LAKEHOUSE_STREAMS_OF=$BASHPID
  # If this shell is killed, Spark is killed too: it would go on writing unnoticed.
  if command -v setpriv >/dev/null && setpriv --pdeathsig TERM true 2>/dev/null; then
    exec setpriv --pdeathsig TERM "$@"
  fi
  exec "$@"
}

# A process that serves others replaces this shell: the shell would keep the environment of the user who started it.
run_job() { # COMMAND ...
  if [[ $job == serve_sql ]]; then
    export LAKEHOUSE_STREAMS_OF=$$
    exec 2> >(java_lines >&9)
    exec "$@"
  fi
  supervise "$@"
}

supervise() { # COMMAND ...
  local code=127 status seen lines
  : >"$TMPDIR/$unstarted" && : >"$TMPDIR/$unsaid" || fail "$TMPDIR cannot be written; $temporary_remedy"
  export LAKEHOUSE_UNSAID=$TMPDIR/$unsaid
  trap 'pass_on INT' INT
  trap 'pass_on TERM' TERM
  trap 'pass_on HUP' HUP
  exec 5>&2 # only the last line goes there, written at the end
  exec 2> >(java_lines >&9)
  lines=$!
  (as_child "$@") <&0 5>&- &
  java=$!
  while :; do # a signal ends the waiting, not the awaited process
    seen=$signals status=0
    wait "$java" || status=$?
    ((status == 127)) || code=$status
    ((signals != seen)) || break
  done
  exec 2>&5
  wait "$lines" 2>/dev/null || true
  end_with "$code"
}

end_with() { # CODE
  local code=$1 sentence=''
  if ((code != 0)) && [[ -e $TMPDIR/$unsaid ]]; then
    case $caught:$code in
      INT:* | :130) code=130 sentence="Interrupted; the lake is as sound as before. $again to go on." ;;
      TERM:* | :143) code=143 sentence="Stopped by SIGTERM; the lake is as sound as before. $again to go on." ;;
      HUP:* | :129) code=129 sentence="Stopped because its terminal closed; the lake is as sound as before. $again to go on." ;;
      *) diagnose "$code" ;;
    esac
  fi
  leave_no_folder
  [[ -z $sentence ]] || printf '%s\n' "$sentence" >&2
  exit "$code"
}

# Sets code and sentence of end_with, for a JVM that ended by itself or was killed.
diagnose() { # CODE
  local beginning='' word
  [[ ! -r $TMPDIR/$java_said ]] || beginning=$(<"$TMPDIR/$java_said")
  if [[ $code == 52 || $beginning == *java.lang.OutOfMemoryError* ]]; then # 52: Spark's own code for it
    code=1 sentence="Java ran out of memory with $(memory_given); the lake is as sound as before. $again with --driver-memory $(more_memory)."
  elif ((code == 137)); then
    code=1 sentence="A process of this job was killed from outside, most likely because the machine ran out of memory; the lake is as sound as before. End other programs or give Java less than $(memory_given) by --driver-memory, and run the same command again."
  elif [[ ! -e $TMPDIR/$unstarted ]]; then
    # A user's own job, which does not run through lib/cli.py, prints its own last line.
    ((code <= 5)) && [[ ! -e $TMPDIR/.begun ]] && return
    sentence="Java ended before the job did (exit code $code); the lake is as sound as before. $again; if it stays, report what --verbose says."
    code=1
  elif [[ $beginning =~ (Invalid|Too\ small)\ (maximum|initial)\ heap|Could\ not\ create\ the\ Java\ Virtual\ Machine ]]; then
    code=2 sentence="Java does not start with --driver-memory $(memory_given) or with the options it was given. $again with --driver-memory 2g, and without options of your own for Java."
  elif [[ $beginning =~ No\ space\ left|quota\ exceeded ]]; then
    code=1 sentence="The disk of $TMPDIR is full. Free some space there, or name another folder in LAKEHOUSE_TEMP, and run the same command again."
  elif [[ $beginning =~ (insufficient\ memory|Could\ not\ reserve|Cannot\ allocate\ memory) ]]; then
    code=1 sentence="The machine does not have the memory that Java was given ($(memory_given)). End other programs or give Java less by --driver-memory, and run the same command again."
  elif [[ $beginning =~ Unrecognized\ option:?\ ([-A-Za-z0-9]+) ]]; then
    word=${BASH_REMATCH[1]}
    code=2 sentence="spark-submit knows no option $word. Look at ./spark-submit.sh --help and run the command without it."
  else
    sentence="Spark did not start (exit code $code). Check the options of spark-submit; --verbose shows what Java says."
    ((code <= 5)) || code=1
  fi
}

# As in spark-submit: the last value on the command line, or else the launcher's.
memory_given() {
  local option previous='' given=$SPARK_DRIVER_MEMORY
  for option in ${spark_options[@]+"${spark_options[@]}"}; do
    [[ $previous != --driver-memory ]] || given=$option
    [[ $option != spark.driver.memory=* ]] || given=${option#*=}
    previous=$option
  done
  printf '%s' "$given"
}

more_memory() {
  local given number mb
  given=$(memory_given)
  number=${given//[!0-9]/}
  case ${given,,} in *g | *gb) mb=$((number * 1024)) ;; *k | *kb) mb=$((number / 1024)) ;; *) mb=$number ;; esac
  mb=$((mb * 2))
  ((mb >= 1024)) || mb=1024
  printf '%dm' "$mb"
}
