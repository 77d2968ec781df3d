# What the fault cases share: a verifying load in a guest, and its check. Sourced by the scripts in faults/.
#
# The load logs every operation and its acknowledgement to the host (tools/load.c). A fault case starts it, breaks things, lets it
# go on for a while, stops it, and has another pair of eyes check everything: a client that has nothing cached.

: "${LOAD_PROCESSES:=3}"
: "${LOAD_MIX:=data}"  # or "names"
# How long a client's operations may take to get through after a fault, all retries and elections included.
readonly RECOVERY_LIMIT_S=150

fault_fail() { echo "  FAILED: $*"; exit 1; }
note() { echo "  note: $*"; }

# load_start INDEX: boots a client at front-end INDEX and starts the load in it.
load_start() {
  need_guest client "$1" || exit
  LOAD_DIR=/mnt/nfs/load-$RANDOM LOAD_LOG=$LAB_DIR/load-$RANDOM
  guest_exec client "mkdir $LOAD_DIR" || exit
  LOAD_JOB=$(guest_start client "exec \$TOOLS/load run $LOAD_DIR $LOAD_LOG 7200 $LOAD_PROCESSES $RANDOM $LOAD_MIX")
  load_progress 3
}

# load_progress N: every process of the load has had N more operations acknowledged; proof that it works, not that time went by.
load_progress() {
  local before wanted deadline=$((SECONDS + RECOVERY_LIMIT_S)) process
  for ((process = 0; process < LOAD_PROCESSES; process++)); do
    before=$(process_acknowledged "$process") wanted=$1
    until (( $(process_acknowledged "$process") >= before + wanted )); do
      guest_done client "$LOAD_JOB" && { guest_wait client "$LOAD_JOB" 1; fault_fail "the load ended"; }
      (( SECONDS < deadline )) || fault_fail "process $process of the load stands still since $RECOVERY_LIMIT_S s"
      sleep 0.3
    done
  done
}
# The log reaches the host only when the guest writes it back.
process_acknowledged() {
  guest_flush client "$LOAD_LOG.$1"
  echo $(( $(grep -c '^A' "$LOAD_LOG.$1" 2>/dev/null) + 0 ))
}

# Stops the load in order; every operation it began must have succeeded.
load_stop() {
  touch "$LOAD_LOG.stop"
  guest_wait client "$LOAD_JOB" "$RECOVERY_LIMIT_S" || fault_fail "the load failed or hangs"
}

# load_check GUEST INDEX: a client at front-end INDEX that has nothing cached finds everything acknowledged.
load_check() {
  guest_kill "$1"
  need_guest "$1" "$2" || exit
  guest_exec "$1" -t 300 "\$TOOLS/load check $LOAD_DIR $LOAD_LOG $LOAD_PROCESSES" || fault_fail "something acknowledged is missing or wrong"
}

# wait_whole WHEN: all nodes are up, and what was written without one of them is complete again. Until then it survives fewer losses.
wait_whole() {
  local deadline=$((SECONDS + RECOVERY_LIMIT_S))
  until cluster whole; do
    (( SECONDS < deadline )) || { cluster status; fault_fail "not whole after $RECOVERY_LIMIT_S s: $*"; }
    sleep 0.2
  done
}

# What happens to the cluster from now on, for stall_report. The guest's clock is the host's.
stall_mark() { echo "$(date +%s%3N) $1" >>"$LAB_DIR/marks"; }

# Per kind of mark: how often, and the longest operation that ended before the next mark, in ms: median of them and worst.
stall_report() {
  cp "$LAB_DIR/marks" "$LAB_DIR/events"
  grep -h '^A' "$LOAD_LOG".[0-9]* | awk '{ printf "%s %.0f\n", $2, $3 / 1000 }' >>"$LAB_DIR/events"
  sort -n "$LAB_DIR/events" | awk '
    $2 !~ /^[0-9]+$/ { if (kind != "") print kind, longest; kind = $2; longest = 0; next }
    kind != "" && $2 > longest { longest = $2 }
    END { print kind, longest }' | sort -k1,1 -k2,2n | awk '
    function tell() { if (n) printf "  note: longest stall, %s (%d times): median %d ms, worst %d ms\n", kind, n, all[int((n + 1) / 2)], all[n] }
    $1 != kind { tell(); kind = $1; n = 0 }
    { all[++n] = $2 }
    END { tell() }'
}
