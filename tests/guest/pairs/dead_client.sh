# A client is killed while it holds locks: they hold as long as its lease, then others get them; it may come back.
# quick: dev
need_guest client 0 || exit
need_guest other $(( ${#TARGET_ADDRESSES[@]} > 1 )) || exit
dir=/mnt/nfs/dead-client-$RANDOM
flag=$LAB_DIR/dead-client-holds
rm -f "$flag".*
guest_exec client "mkdir $dir && cd $dir && echo kept >data" || exit

for kind in fcntl flock; do
  guest_start other "cd $dir && exec 7>open-$kind && \$TOOLS/lock hold $kind file-$kind -- bash -c 'touch $flag.$kind; sleep 1000'" >/dev/null
done
for kind in fcntl flock; do
  for ((i = 0; i < 300; i++)); do [[ -e $flag.$kind ]] && break; sleep 0.1; done
  guest_exec client "cd $dir && \$TOOLS/lock try $kind file-$kind"
  (( $? == 1 )) || { echo "  FAILED: the $kind lock does not exclude"; exit 1; }
done
killed=$SECONDS
guest_kill other
for kind in fcntl flock; do
  guest_exec client "cd $dir && \$TOOLS/lock try $kind file-$kind"
  status=$?
  # Only while the lease cannot have ended yet does "free" mean that a lock was lost.
  (( SECONDS - killed < LEASE_SECONDS / 2 && status == 0 )) &&
    { echo "  FAILED: the $kind lock was free $((SECONDS - killed)) s after the kill, the lease is $LEASE_SECONDS s"; exit 1; }
done
echo "  checked: locks of a killed client still exclude at first"
for kind in fcntl flock; do
  until guest_exec client "cd $dir && \$TOOLS/lock try $kind file-$kind"; do
    (( SECONDS - killed < 6 * LEASE_SECONDS + 60 )) || { echo "  FAILED: the $kind lock is never released"; exit 1; }
    sleep 1
  done
done
echo "  checked: both locks free $((SECONDS - killed)) s after the kill, with a lease of $LEASE_SECONDS s"
need_guest other $(( ${#TARGET_ADDRESSES[@]} > 1 )) || exit
guest_exec other "cd $dir && \$TOOLS/lock try fcntl file-fcntl && \$TOOLS/lock try flock file-flock && cat data" || exit
echo "  checked: the client comes back after a boot and locks again"
