# The laboratory of one test run: a network of its own and real Linux clients in it. Sourced, not run.
#
# A lab is one directory, one network namespace with a bridge, and any number of guests: user-mode Linux
# kernels whose root is the host's file system and whose only network card sits on that bridge. Every name
# carries the lab's id, so labs run side by side; lab_close ends what the lab started and nothing else.
#
#   lab_open                      makes the lab or leaves with 77 ("skipped") and the reason
#   guest_boot NAME               boots a client; guest_exec NAME [-t S] SCRIPT runs a script in it
#   guest_start / guest_wait      the same in two halves, for things that happen meanwhile
#   guest_kill NAME               kill -9: the client is gone, its server does not hear of it
#   guest_stop NAME               unmounts and powers off
#   lab_close                     ends guests, server and network, removes the directory
#
# With LAB_OUTER_NET the lab uses a namespace that is there, whose bridge is LAB_BRIDGE (br0); guests take their addresses from
# GUEST_NETWORK.(GUEST_FIRST_HOST + 1) on, with GUEST_PREFIX.

readonly LAB_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly LAB_SKIPPED=77
readonly LAB_HUB_ADDRESS=10.77.0.1
# A guest's kernel holds its page cache in this; the case with the most dirty pages needs about 300 MiB.
: "${GUEST_MEMORY_MIB:=768}"
# A guest whose lab died without closing powers itself off after this long.
: "${GUEST_LIFETIME_S:=7200}"
# Boot takes 2 to 3 s on a quiet machine; the rest is for loaded ones.
readonly GUEST_BOOT_LIMIT_S=90
# timeo is in tenths of a second: a connection that is silent for 5 s is made anew, and operations repeat until answered.
: "${NFS_OPTIONS:=vers=4.1,proto=tcp,port=2049,hard,timeo=50,retrans=2}"

: "${LAB_BRIDGE:=br0}" "${GUEST_NETWORK:=10.77.100}" "${GUEST_FIRST_HOST:=0}" "${GUEST_PREFIX:=16}"

lab_say() { echo "lab: $*" >&2; }
lab_skip() { echo "skipped: $*" >&2; exit "$LAB_SKIPPED"; }
in_net() { local net=$1; shift; nsenter --net="/run/netns/$net" -- "$@"; }

# Runs the calling script again as root of a user namespace of its own when the user is not root.
lab_become_root() {
  (( EUID == 0 )) && return
  unshare -Urm true 2>/dev/null || lab_skip "not root, and user namespaces are not permitted"
  # shellcheck disable=SC2016
  exec unshare -Urmn bash -c 'mount -t tmpfs tmpfs /run && exec "$@"' lab "$0" "$@"
}

lab_require() {
  local tool
  for tool in linux.uml ip nsenter mount.nfs4 modprobe setsid; do
    command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null ||
      lab_skip "$tool is not installed (apt-get install user-mode-linux nfs-common iproute2 kmod util-linux)"
  done
  [[ -d /usr/lib/uml/modules ]] || lab_skip "no modules of user-mode Linux in /usr/lib/uml/modules"
  [[ -c /dev/net/tun && -w /dev/net/tun ]] || lab_skip "/dev/net/tun is not there or not writable: guests would have no network"
}

# The file that backs a guest's memory must be on a memory file system with room, or every page is disk traffic.
lab_memory_dir() {
  local free_kib
  free_kib=$(df --output=avail /dev/shm 2>/dev/null | tail -1)
  if (( ${free_kib:-0} >= GUEST_MEMORY_MIB * 1024 )) && [[ -w /dev/shm ]]; then echo /dev/shm; else echo /tmp; fi
}

lab_open() {
  export PATH=$PATH:/usr/sbin:/sbin
  lab_require
  LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/openefs-lab.XXXXXX")
  LAB_ID=${LAB_DIR##*.}
  LAB_NET=efs-$LAB_ID
  echo 0 >"$LAB_DIR/guest-count"
  mkdir -p "$LAB_DIR"/{guests,modules/lib/modules,fixtures,bin}
  chmod 755 "$LAB_DIR"
  ln -s /usr/lib/uml/modules/* "$LAB_DIR/modules/lib/modules/"
  # Without their set-user-id bit: as seen from a guest of a user who is not root, they belong to nobody.
  install -m 755 "$(command -v mount)" "$(command -v umount)" "$(command -v mount.nfs4)" "$LAB_DIR/bin"
  trap lab_close EXIT
  trap 'exit 130' INT TERM
  { lab_network && guest_tap "probe-$LAB_ID" && ip -n "$LAB_NET" link delete "probe-$LAB_ID"; } 2>>"$LAB_DIR/error" ||
    lab_skip "cannot make network namespaces and tap devices here: $(tail -n 1 "$LAB_DIR/error")"
}

lab_network() {
  if [[ -n ${LAB_OUTER_NET:-} ]]; then LAB_NET=$LAB_OUTER_NET; return; fi
  mkdir -p /run/netns && ip netns add "$LAB_NET" 2>"$LAB_DIR/error" || return
  ip -n "$LAB_NET" link set lo up
  ip -n "$LAB_NET" link add br0 type bridge || return
  ip -n "$LAB_NET" addr add "$LAB_HUB_ADDRESS/16" dev br0
  ip -n "$LAB_NET" link set br0 up
}

lab_close() {
  local status=$? guest
  trap - EXIT
  for guest in "$LAB_DIR"/guests/*/; do [[ -d $guest ]] && guest_kill "$(basename "$guest")"; done
  if declare -F target_stop >/dev/null; then target_stop; fi
  [[ -n ${LAB_OUTER_NET:-} ]] || ip netns delete "$LAB_NET" 2>/dev/null
  if [[ ${LAB_KEEP:-} ]]; then lab_say "kept $LAB_DIR"; else rm -rf "$LAB_DIR"; fi
  exit "$status"
}

# --- processes -------------------------------------------------------------------------------------------------

# A pid may have been given to another program since it was written down; the start time tells.
process_stamp() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null; }
process_record() { echo "$1 $(process_stamp "$1")" >"$2"; }
process_alive() {
  local pid stamp
  read -r pid stamp 2>/dev/null <"$1" && [[ -n $stamp && $(process_stamp "$pid") == "$stamp" ]] &&
    [[ $(cut -d' ' -f3 "/proc/$pid/stat" 2>/dev/null) != Z ]]
}
process_signal() {  # FILE SIGNAL: the whole process group
  local pid _
  process_alive "$1" || return 0
  read -r pid _ <"$1"
  kill "-$2" -- "-$pid" 2>/dev/null || kill "-$2" "$pid" 2>/dev/null
}
process_wait_end() {  # FILE SECONDS
  local deadline=$((SECONDS + $2))
  while process_alive "$1"; do (( SECONDS < deadline )) || return 1; sleep 0.05; done
}
process_end() {  # FILE SECONDS: asks, then insists
  process_signal "$1" TERM
  process_wait_end "$1" "$2" && return
  process_signal "$1" KILL
  process_wait_end "$1" 5
}

# --- guests ----------------------------------------------------------------------------------------------------

guest_dir() { echo "$LAB_DIR/guests/$1"; }

guest_tap() {
  ip -n "$LAB_NET" tuntap add dev "$1" mode tap || return
  ip -n "$LAB_NET" link set "$1" mtu 9000 master "$LAB_BRIDGE" up
}

guest_config() {  # NAME INDEX
  cat <<CONFIG
GUEST_NAME=$1
GUEST_ADDRESS=$GUEST_NETWORK.$((GUEST_FIRST_HOST + $2))/$GUEST_PREFIX
GUEST_LIFETIME_S=$GUEST_LIFETIME_S
MODULES=$LAB_DIR/modules
SUITE=$LAB_SOURCE
FIXTURES=$LAB_DIR/fixtures
TOOLS=$LAB_DIR/bin
NFS_OPTIONS=$NFS_OPTIONS
TARGET=${TARGET:-address}
CONFIG
}

guest_boot() {
  local name=$1 dir index tap
  dir=$(guest_dir "$name")
  index=$(( $(cat "$LAB_DIR/guest-count") + 1 )) tap=tap$index-$LAB_ID
  echo "$index" >"$LAB_DIR/guest-count"
  rm -rf "$dir" && mkdir -p "$dir"/{jobs,flush}
  guest_config "$name" "$index" >"$dir/config"
  echo "$tap" >"$dir/tap"
  guest_tap "$tap" || { lab_say "cannot make $tap in $LAB_NET"; return 1; }
  TMPDIR=$(lab_memory_dir) setsid nsenter --net="/run/netns/$LAB_NET" -- \
    linux.uml "mem=${GUEST_MEMORY_MIB}M" root=/dev/root rootfstype=hostfs rootflags=/ rw \
    "init=$LAB_SOURCE/agent" "GUEST_DIR=$dir" "uml_dir=$dir" umid=uml \
    "vec0:transport=tap,ifname=$tap,depth=256,gro=1,mtu=9000" con=null con0=null,fd:1 ssl=null quiet loglevel=3 \
    </dev/null >"$dir/console" 2>&1 &
  process_record $! "$dir/pid"
  disown
  guest_wait_ready "$name"
}

guest_wait_ready() {
  local dir deadline=$((SECONDS + GUEST_BOOT_LIMIT_S))
  dir=$(guest_dir "$1")
  until [[ -e $dir/ready ]]; do
    process_alive "$dir/pid" || { lab_say "guest $1 ended while booting:"; tail -5 "$dir/console" >&2; return 1; }
    (( SECONDS < deadline )) || { lab_say "guest $1 did not boot in $GUEST_BOOT_LIMIT_S s"; guest_kill "$1"; return 1; }
    sleep 0.05
  done
}

guest_alive() { process_alive "$(guest_dir "$1")/pid"; }
guest_kill() {
  process_signal "$(guest_dir "$1")/pid" KILL
  process_wait_end "$(guest_dir "$1")/pid" 10
  ip -n "$LAB_NET" link delete "$(cat "$(guest_dir "$1")/tap" 2>/dev/null)" 2>/dev/null
  return 0
}
guest_stop() {
  guest_exec "$1" -t 60 'unmount_export' || lab_say "guest $1: unmount failed"
  touch "$(guest_dir "$1")/poweroff"
  process_wait_end "$(guest_dir "$1")/pid" 20 || guest_kill "$1"
}

# Starts a script in a guest and prints the job's number.
guest_start() {
  local jobs number
  jobs=$(guest_dir "$1")/jobs
  number=$(date +%s%N)
  { echo ". $LAB_SOURCE/case.sh"; echo "$2"; } >"$jobs/$number.new"
  mv "$jobs/$number.new" "$jobs/$number.cmd"
  echo "$number"
}

# guest_wait NAME JOB SECONDS: the job's output and status; 124 when it takes too long, 125 when the guest died.
guest_wait() {
  local job deadline=$((SECONDS + $3))
  job=$(guest_dir "$1")/jobs/$2
  until [[ -e $job.rc ]]; do
    if ! guest_alive "$1"; then cat "$job.out" 2>/dev/null; echo "guest $1 died"; return 125; fi
    if (( SECONDS >= deadline )); then
      guest_flush "$1" "$job.out"; cat "$job.out" 2>/dev/null
      echo "guest $1: no result after $3 s"; return 124
    fi
    sleep 0.05
  done
  cat "$job.out"
  return "$(cat "$job.rc")"
}

guest_done() { [[ -e $(guest_dir "$1")/jobs/$2.rc ]]; }

# What a guest has written to a file of the host may still be in its page cache; this brings it to the host.
guest_flush() {  # NAME FILE
  local request deadline=$((SECONDS + 5))
  request=$(guest_dir "$1")/flush/$(date +%s%N)
  echo "$2" >"$LAB_DIR/flush-request" && mv "$LAB_DIR/flush-request" "$request"
  while [[ -e $request ]] && (( SECONDS < deadline )); do sleep 0.05; done
  rm -f "$request"
}

guest_exec() {
  local name=$1 limit=600 job
  shift
  if [[ $1 == -t ]]; then limit=$2; shift 2; fi
  job=$(guest_start "$name" "$1") && guest_wait "$name" "$job" "$limit"
}

# guest_mount NAME SERVER:/PATH: mounts on /mnt/nfs, waiting for a server that is still starting.
guest_mount() { guest_exec "$1" -t 120 "mount_export $2"; }

# --- programs the cases use ------------------------------------------------------------------------------------

lab_build_tools() {
  local source compiler
  compiler=$(command -v cc || command -v gcc || command -v clang-16 || command -v clang) || lab_skip "no C compiler"
  for source in "$LAB_SOURCE"/tools/*.c; do
    "$compiler" -O1 -Wall -Wextra -o "$LAB_DIR/bin/$(basename "$source" .c)" "$source" -lpthread || return
  done
}
