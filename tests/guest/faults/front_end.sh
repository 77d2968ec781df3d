# kill -9 of the client's own front-end under load and a restart: nothing is lost, no grace period, the load goes on.
# limit: 900
# targets: cluster
. "$LAB_SOURCE/faults.sh"
load_start 0
guest_start client "cd $LOAD_DIR && \$TOOLS/lock hold fcntl held -- bash -c 'touch $LOAD_LOG.held; sleep 1000'" >/dev/null
until [[ -e $LOAD_LOG.held ]]; do sleep 0.1; done
for round in 1 2 3; do
  cluster kill frontend-a 2>/dev/null
  sleep 1
  cluster start frontend-a
  load_progress 5
done
need_guest other 1 || exit
guest_exec other "\$TOOLS/lock try fcntl $LOAD_DIR/held"
(( $? == 1 )) || fault_fail "the lock was lost with the front-end"
load_stop
load_check checker 1
echo "  checked: three restarts of the front-end; a lock outlives them all"
