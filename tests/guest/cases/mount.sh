# Ways to mount: version negotiation, subdirectories, by the file system's name, read-only, twice; and what is refused.
# quick: dev
# limit: 120
server=$(cut -d: -f1 /run/nfs-source)
root=$(cut -d: -f2 /run/nfs-source)
here=${root%/}/$(basename "$PWD")
mkdir -p /run/second
try_mount() { timeout 60 mount.nfs4 "$1" /run/second -o "$2"; }
version() { sed -n 's|.* /run/second nfs4 .*[,]vers=\([0-9.]*\).*|\1|p' /proc/mounts; }
echo content >file; mkdir -p deep/er; echo below >deep/er/file

must try_mount "$server:$here" proto=tcp,port=2049
same "version that is negotiated" "$(version)" 4.1
same "content" "$(cat /run/second/file)" content
must umount -i /run/second
must try_mount "$server:$here/deep/er" vers=4.1,port=2049,ro
same "content below" "$(cat /run/second/file)" below
must_fail touch /run/second/x
must umount -i /run/second
checked "4.1 is negotiated; a directory mounts, also read-only"

must_fail try_mount "$server:$here/missing" vers=4.1,port=2049
must_fail try_mount "$server:$here/file" vers=4.1,port=2049
must_fail try_mount "$server:/fs-00000000000000000" vers=4.1,port=2049
checked "a missing directory, a file and an unknown file system are refused"

must try_mount "$server:$root" vers=4.1,port=2049,nosharecache
echo again >"$EXPORT/$(basename "$PWD")/file"
same "a second mount sees it" "$(cat "/run/second/$(basename "$PWD")/file")" again
must umount -i /run/second
checked "a second mount beside the first, with caches of its own"
