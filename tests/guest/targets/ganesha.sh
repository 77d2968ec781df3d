# The target "ganesha": Debian's nfs-ganesha over a local directory. It is the peer of bench/compare-ganesha, and a
# second opinion on the cases: what fails on both servers is probably the case's fault.

TARGET_ADDRESSES=("$LAB_HUB_ADDRESS")
TARGET_EXPORT=/export

ganesha_config() {
  cat <<CONFIG
NFS_CORE_PARAM {
  Protocols = 4; NFS_Port = 2049; Bind_addr = $LAB_HUB_ADDRESS;
  Enable_NLM = false; Enable_RQUOTA = false;
}
NFSv4 {
  Minor_Versions = 1; Lease_Lifetime = ${LEASE_SECONDS:-60}; Grace_Period = 10; Graceless = true;
  Only_Numeric_Owners = true; RecoveryBackend = fs; RecoveryRoot = $LAB_DIR/ganesha/recovery;
}
EXPORT {
  Export_Id = 1; Path = $LAB_DIR/ganesha/data; Pseudo = $TARGET_EXPORT; Access_Type = RW;
  Squash = No_Root_Squash; SecType = sys; Protocols = 4;
  FSAL { Name = VFS; }
}
LOG { Default_Log_Level = WARN; }
CONFIG
}

target_start() {
  command -v ganesha.nfsd >/dev/null || lab_skip "ganesha.nfsd is not installed (apt-get install nfs-ganesha-vfs)"
  mkdir -p "$LAB_DIR"/ganesha/{data,recovery}
  ganesha_config >"$LAB_DIR/ganesha/config"
  target_start_all
}

target_start_all() {
  local dir=$LAB_DIR/ganesha
  setsid nsenter --net="/run/netns/$LAB_NET" -- \
    ganesha.nfsd -F -f "$dir/config" -L "$dir/log" -p "$dir/ganesha.pid" </dev/null >"$dir/output" 2>&1 &
  process_record $! "$dir/pid"
  disown
}

target_kill_all() {
  process_signal "$LAB_DIR/ganesha/pid" KILL
  process_wait_end "$LAB_DIR/ganesha/pid" 10
}
target_stop() { process_end "$LAB_DIR/ganesha/pid" 10; }
target_log() {
  tail -n 30 "$LAB_DIR/ganesha/log" | grep -vE "SetComponentLogLevel|dbus|DBUS|krb5|keytab|principal|Cannot register"
  tail -n 10 "$LAB_DIR/ganesha/output"
}
