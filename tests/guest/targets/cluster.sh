# The target "cluster": three zones as fifteen processes, made by deploy/local/cluster. The lab moves into the cluster's network.

TARGET_ADDRESSES=(10.77.1.31 10.77.2.31 10.77.3.31)
TARGET_EXPORT=/
: "${LEASE_SECONDS:=10}"

cluster() { local command=$1; shift; "$LAB_SOURCE/../../deploy/local/cluster" "$command" "$LAB_DIR/cluster" "$@"; }

target_start() {
  cluster up --openefs "$OPENEFS" --lease-seconds "$LEASE_SECONDS" >"$LAB_DIR/cluster-up" || return
  ip netns delete "$LAB_NET"
  LAB_NET=$(sed -n 's/^NET=//p' "$LAB_DIR/cluster/settings")-hub
}

target_kill_all() { cluster kill all 2>/dev/null; }
target_start_all() { cluster start all; }
target_stop() { cluster down 2>/dev/null; }
target_log() { cluster status; cluster logs | grep -E '^==| (warning|error|fatal) ' | tail -n 60; }
