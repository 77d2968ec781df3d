# A zone's data nodes lose their disks and come back empty: they are not taken for what they were, and all reads and writes go on.
# limit: 900
# targets: cluster
. "$LAB_SOURCE/faults.sh"
load_start 1
load_progress 20
wait_whole "before two disks are lost"
cluster kill datanode-a1 datanode-a2 2>/dev/null
rm -rf "$LAB_DIR"/cluster/data/datanode-a[12]/*
load_progress 5
cluster start datanode-a1 datanode-a2
load_progress 10
load_stop
down=$(cluster status | grep -c '10\.77\.1\.2[12].*DOWN')
(( down == 2 )) || fault_fail "$down of 2 data nodes that lost their disks are known as down"
load_check checker 2
echo "  checked: two empty disks are not taken for the old ones, nothing is missing without them"
# The other cases want the cluster whole, and this one cannot be made whole again.
target_stop
rm -rf "$LAB_DIR/cluster"
for guest in client checker; do guest_kill "$guest"; done
cluster up --openefs "$OPENEFS" --lease-seconds "$LEASE_SECONDS" >/dev/null || fault_fail "no new cluster"
