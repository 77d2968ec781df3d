# The target "dev": `openefs dev`, three simulated zones in one process, with an NFS address for each.

TARGET_ADDRESSES=(10.77.1.31 10.77.2.31 10.77.3.31)
TARGET_EXPORT=/
# Short, so that the cases that wait for a lease to end do not take long; the longest stall of a healthy
# client is far below it.
: "${LEASE_SECONDS:=10}"

target_start() {
  local address
  mkdir -p "$LAB_DIR/dev"
  for address in "${TARGET_ADDRESSES[@]}"; do ip -n "$LAB_NET" addr replace "$address/16" dev br0; done
  target_start_all
}

target_start_all() {
  setsid nsenter --net="/run/netns/$LAB_NET" -- \
    "$OPENEFS" dev --data-dir "$LAB_DIR/dev/data" --listen "$(IFS=,; echo "${TARGET_ADDRESSES[*]}")" \
    --nfs-port 2049 --lease-seconds "$LEASE_SECONDS" </dev/null >"$LAB_DIR/dev/output" 2>>"$LAB_DIR/dev/log" &
  process_record $! "$LAB_DIR/dev/pid"
  disown
  target_wait_serving
}

# It prints the mount command as soon as it serves.
target_wait_serving() {
  local deadline=$((SECONDS + 90))
  until grep -q '^mount -t nfs4' "$LAB_DIR/dev/output"; do
    process_alive "$LAB_DIR/dev/pid" && (( SECONDS < deadline )) || return 1
    sleep 0.05
  done
}

target_kill_all() {
  process_signal "$LAB_DIR/dev/pid" KILL
  process_wait_end "$LAB_DIR/dev/pid" 10
}
target_stop() { process_end "$LAB_DIR/dev/pid" 20; }
target_log() { tail -n 25 "$LAB_DIR/dev/log"; tail -n 5 "$LAB_DIR/dev/output"; }
