# kill -9 of a whole zone and a data node of another: reads go on, writes of data wait, and go on when the node returns.
# quick: cluster
# limit: 1200
# targets: cluster
. "$LAB_SOURCE/faults.sh"
load_start 1
load_progress 20
load_stop
wait_whole "before a zone and a node"
cluster kill az-a datanode-c2 2>/dev/null
load_check checker 1
echo "  checked: with a zone and a data node gone, everything reads right"

# 4 MiB is far beyond what travels inline, so it needs data nodes.
job=$(guest_start checker "cd $LOAD_DIR && dd if=/dev/zero of=late bs=1M count=4 conv=fsync status=none")
sleep 8
if guest_done checker "$job"; then
  guest_wait checker "$job" 1
  fault_fail "a write with three data nodes left was acknowledged or refused; it has to wait"
fi
load_check reader 1
echo "  checked: a write waits, and reads go on meanwhile"
cluster start datanode-c2
guest_wait checker "$job" "$RECOVERY_LIMIT_S" || fault_fail "the write does not go on after the node's return"
echo "  checked: the write goes on when the node returns"
cluster start az-a
guest_exec reader -t 120 "rm $LOAD_DIR/late" || exit
load_check reader 0
echo "  checked: the zone is back and everything is there"
