# The client's front-end dies for good and one of another zone takes over its address: no grace period, locks are kept.
# limit: 900
# targets: cluster
. "$LAB_SOURCE/faults.sh"
load_start 0
guest_start client "cd $LOAD_DIR && \$TOOLS/lock hold fcntl held -- bash -c 'touch $LOAD_LOG.held; sleep 1000'" >/dev/null
until [[ -e $LOAD_LOG.held ]]; do sleep 0.1; done
cluster takeover frontend-a frontend-b 2>/dev/null
load_progress 10
need_guest other 2 || exit
guest_exec other "\$TOOLS/lock try fcntl $LOAD_DIR/held"
(( $? == 1 )) || fault_fail "the lock was lost with the front-end"
load_stop
load_check checker 1
echo "  checked: the load and a lock go on through a front-end of another zone"
# The cases after this one want the cluster as it was, and clients that do not know the hub that goes now.
for guest in client other checker; do guest_kill "$guest"; done
target_stop
cluster up >/dev/null || fault_fail "the cluster does not start again"
