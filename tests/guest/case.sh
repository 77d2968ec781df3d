# What every script in a guest can use. Sourced before the script.
#
# A case runs in an empty directory of its own on the export. It says what it checked with `checked`, and ends with a
# status other than zero at the first thing that is not as it must be.

readonly EXPORT=/mnt/nfs

# Mounts a server; one that is still starting is tried again for this long.
readonly MOUNT_TRIES=60
mount_export() {
  local try
  echo "$1" >/run/nfs-source
  for ((try = 0; try < MOUNT_TRIES; try++)); do
    mount.nfs4 "$1" "$EXPORT" -o "$NFS_OPTIONS" 2>/run/mount-error && return
    sleep 1
  done
  cat /run/mount-error >&2
  return 1
}
unmount_export() { cd / && umount -i "$EXPORT"; }
# Nothing that the client has cached survives this.
remount_export() {
  local here=$PWD
  unmount_export && mount_export "$(cat /run/nfs-source)" && cd "$here" || fail "cannot remount"
}

checked() { echo "  checked: $*"; }
fail() { echo "  FAILED: $*" >&2; exit 1; }
must() { "$@" || fail "$* (status $?)"; }
must_fail() { if "$@" 2>/dev/null; then fail "worked, and must not: $*"; fi; }
same() {  # WHAT GOT WANTED
  [[ $2 == "$3" ]] || fail "$1: got '$2', wanted '$3'"
}

# Two users that the host need not know; neither is in any group but its own.
readonly ALICE=4001 BOB=4002
as() { setpriv --reuid "$1" --regid "$1" --clear-groups -- "${@:2}"; }

# One checksum over the names, types, modes, link targets and bytes of a tree.
tree_sums() {
  ( cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum &&
    find . ! -type d -printf '%P %y %m %l\n' | LC_ALL=C sort && find . -mindepth 1 -type d -printf '%P %y %m\n' | LC_ALL=C sort )
}
