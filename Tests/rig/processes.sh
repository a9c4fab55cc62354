# shellcheck shell=bash
# Background processes, for tools in this folder that start servers; sourced after lib.sh.
# A pid file holds the pid and its start time, so that a reused pid is never taken for ours.

process_start() { awk '{sub(/.*\) /, "")} $1 != "Z" {print $20}' "/proc/$1/stat" 2>/dev/null; }

# is_running PIDFILE
is_running() {
  local pid start
  [ -f "$1" ] || return 1
  read -r pid start <"$1" || return 1
  [ -n "$start" ] && [ "$(process_start "$pid")" = "$start" ]
}

# start_process PIDFILE LOGFILE COMMAND...
start_process() {
  local pidfile=$1 log=$2 pid
  shift 2
  setsid "$@" </dev/null >"$log" 2>&1 9>&- &
  pid=$!
  echo "$pid $(process_start "$pid")" >"$pidfile"
}

# stop_process PIDFILE [SECONDS]: SIGTERM, then SIGKILL after SECONDS.
stop_process() {
  local pid i
  if is_running "$1"; then
    read -r pid _ <"$1"
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < ${2:-5} * 10; i++)); do
      is_running "$1" || break
      sleep 0.1
    done
    if is_running "$1"; then kill -9 "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$1"
}

# port_is_free ADDRESS PORT
port_is_free() { ! (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }
