# kill -9 of the metadata leader under load, three times in a row: the load goes on through the other replicas.
# quick: cluster
# limit: 900
# targets: cluster
. "$LAB_SOURCE/faults.sh"
load_start 0
for round in 1 2 3; do
  leader=$(cluster leader) || fault_fail "no leader before the fault"
  cluster kill "$leader" 2>/dev/null
  load_progress 5
  note "round $round: goes on without $leader"
  cluster start "$leader"
  load_progress 5
done
load_stop
load_check checker 1
echo "  checked: three leaders killed and restarted"
