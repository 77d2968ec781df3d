# lab smoke: a real Linux client works while another zone dies, while its own front-ends die, while a zone is cut off, and a
# client with empty caches finds everything afterwards.
# Sourced by deploy/lab. Guests and the load that knows what it was promised come from tests/guest (docs/testing.md).
#
# OPENEFS_DOCKER_NETNS names the network namespace in which Docker's bridges are, when it is not that of this host.

# Repair goes on in the background; this is no judgement about its speed, only the end of waiting for it.
readonly REPAIR_LIMIT_S=180

smoke_note() { echo "  note: $*"; }

# The network namespace of Docker's bridges, by a name that guests can be started in.
smoke_enter_network() {
  if [[ -n ${OPENEFS_DOCKER_NETNS:-} ]]; then LAB_OUTER_NET=$OPENEFS_DOCKER_NETNS; return; fi
  LAB_OUTER_NET=openefs-host-$$
  ip netns attach "$LAB_OUTER_NET" $$ 2>"$LOG" || lab_skip "cannot give Docker's network a name: $(cat "$LOG")"
}

# lab_close calls this.
target_stop() { [[ -n ${OPENEFS_DOCKER_NETNS:-} ]] || ip netns delete "$LAB_OUTER_NET" 2>/dev/null; }

# need_guest NAME INDEX: a client in zone INDEX, mounted through that zone's mount target.
need_guest() {
  LAB_BRIDGE=$(setting BRIDGE_PREFIX)az-${ZONES[$2]} GUEST_NETWORK=$(setting SUBNET).$(($2 + 1))
  local wanted
  wanted=$(mount_address "${ZONES[$2]}"):/
  guest_alive "$1" && guest_exec "$1" -t 20 "mountpoint -q \$EXPORT && grep -qxF '$wanted' /run/nfs-source" && return
  guest_kill "$1"
  guest_boot "$1" && guest_mount "$1" "$wanted"
}

repair_backlog() { ask_cluster cluster status --json 2>/dev/null | sed -n 's/.*"repairs_waiting": *\([0-9]*\).*/\1/p'; }

wait_repaired() {  # SINCE
  local deadline=$((SECONDS + REPAIR_LIMIT_S))
  until [[ $(repair_backlog) == 0 ]]; do
    (( SECONDS < deadline )) || fault_fail "still $(repair_backlog) blobs wait for repair after $REPAIR_LIMIT_S s"
    sleep 1
  done
  smoke_note "it serves and everything is repaired $((SECONDS - $1)) s after it was started"
}

# The zone whose metadata replica leads dies: the worst one. The client is in the next one, and the third is cut off later.
smoke_choose_zones() {
  local leader
  leader=$(command_leader) || exit
  VICTIM=$(($(zone_index "$(node_zone "$leader")") - 1))
  CLIENT=$(((VICTIM + 1) % 3)) THIRD=$(((VICTIM + 2) % 3))
}

smoke_zone_dies() {
  local zone=az-${ZONES[VICTIM]} started
  load_start "$CLIENT"
  command_kill "$zone"
  load_progress 5
  smoke_note "the client of zone ${ZONES[CLIENT]} works without $zone, which led: $(count_missing) nodes are missing"
  load_progress 20
  smoke_note "$(repair_backlog) blobs wait for repair"
  started=$SECONDS
  command_start "$zone"
  wait_serving
  wait_repaired "$started"
  load_progress 5
  load_stop
  load_check checker "$VICTIM"
  echo "  checked: $zone killed under load; everything acknowledged is read through it when it is back"
}

count_missing() { ask_cluster cluster status 2>/dev/null | grep -cE 'DOWN|DOES NOT ANSWER'; }

smoke_front_ends_die() {
  local zone=${ZONES[CLIENT]} front_end
  load_start "$CLIENT"
  for front_end in "frontend-${zone}1" "frontend-${zone}2"; do
    command_kill "$front_end"
    load_progress 5
    command_start "$front_end"
    wait_serving
  done
  for front_end in "frontend-${zone}1" "frontend-${zone}2"; do
    command_drain "$front_end"
    load_progress 5
    command_undrain "$front_end"
  done
  load_stop
  load_check checker "$THIRD"
  echo "  checked: both front-ends of the client's zone killed and drained, one after the other, under load"
}

smoke_cut() {
  local zone=az-${ZONES[THIRD]}
  load_start "$CLIENT"
  command_cut "$zone"
  load_progress 5
  command_heal "$zone"
  load_progress 5
  load_stop
  load_check checker "$THIRD"
  echo "  checked: $zone cut off the backbone under load and healed"
}

smoke() {
  local began=$SECONDS
  rm -f "$LOG"
  . "$REPOSITORY/tests/guest/lab.sh"
  LOG=$(mktemp)
  LAB_BRIDGE=$(setting BRIDGE_PREFIX)az-b GUEST_FIRST_HOST=100 GUEST_PREFIX=24
  (( EUID == 0 )) || lab_skip "guests need root, to be put on Docker's bridges"
  wait_serving
  smoke_enter_network
  lab_open
  lab_build_tools || exit 1
  smoke_choose_zones
  . "$REPOSITORY/tests/guest/faults.sh"
  smoke_zone_dies
  smoke_front_ends_die
  smoke_cut
  echo "smoke: passed in $((SECONDS - began)) s"
}
