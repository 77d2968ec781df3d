# Metadata replicas killed, paused, cut off, wiped and replaced, everything restarted in turn, under constant load on names: no error, no lost or doubled effect; reports stalls.
# limit: 5400
# targets: cluster
. "$LAB_SOURCE/faults.sh"
readonly KILLS=${REPLICAS_KILLS:-50} PAUSES=${REPLICAS_PAUSES:-20} CUTS=${REPLICAS_CUTS:-20}
# Longer than any election timeout.
readonly PAUSE_S=4
LOAD_MIX=names

find_leader() { leader=$(cluster leader) || { wait_whole "a leader"; leader=$(cluster leader); } || fault_fail "no leader"; }

kill_leaders() {
  local round
  for ((round = 0; round < KILLS; round++)); do
    find_leader
    stall_mark crash
    cluster kill "$leader" 2>/dev/null
    load_progress 5
    stall_mark rejoin
    cluster start "$leader"
    wait_whole "after the kill of $leader, round $round"
  done
  note "$KILLS leaders killed"
}

pause_leaders() {
  local round
  for ((round = 0; round < PAUSES; round++)); do
    find_leader
    stall_mark pause
    cluster pause "$leader" 2>/dev/null
    sleep "$PAUSE_S"
    load_progress 5
    stall_mark resume
    cluster resume "$leader" 2>/dev/null
    load_progress 5
    wait_whole "after the pause of $leader, round $round"
  done
  note "$PAUSES leaders paused for $PAUSE_S s and more"
}

# The leader twice, then any replica; never the client from its front-end.
cut_replicas() {
  local round victim zones=(a b c)
  for ((round = 0; round < CUTS; round++)); do
    find_leader
    victim=$leader
    (( round % 3 == 2 )) && victim=metadata-${zones[RANDOM % 3]}
    stall_mark cut
    cluster cut "$victim" 2>/dev/null
    load_progress 10
    stall_mark heal
    cluster heal
    load_progress 5
    wait_whole "after the cut of $victim, round $round"
  done
  note "$CUTS replicas cut off"
}

replace_one() {
  local said
  find_leader
  stall_mark wipe
  cluster kill "$leader" 2>/dev/null
  load_progress 5
  stall_mark replace
  said=$(cluster replace "$leader" 2>&1) || fault_fail "$leader was not replaced: $said"
  load_progress 5
  wait_whole "after $leader was replaced"
  note "$leader wiped and replaced: $(tail -n 1 <<<"$said")"
}

restart_everything() {
  local zone node
  for zone in a b c; do
    for node in "metadata-$zone" "datanode-${zone}1" "datanode-${zone}2" "frontend-$zone" "control-$zone"; do
      stall_mark "restart-${node%%-*}"
      cluster stop "$node" 2>/dev/null
      cluster start "$node"
      load_progress 10
      wait_whole "after the restart of $node"
    done
  done
  note "every process restarted in turn"
}

load_start 0
stall_mark nothing
load_progress 200
kill_leaders
pause_leaders
cut_replicas
replace_one
restart_everything
stall_mark nothing
load_progress 200
load_stop
stall_report
load_check checker 1
load_check checker 2
echo "  checked: every name, link and type is as acknowledged, through two other front-ends"
