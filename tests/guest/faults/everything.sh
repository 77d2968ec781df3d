# kill -9 of the whole service under load, twice, and a restart each time: the load goes on, everything acknowledged is there.
# quick: dev cluster
# limit: 900
# targets: dev cluster
. "$LAB_SOURCE/faults.sh"
load_start 0
for round in 1 2; do
  target_kill_all
  sleep 1
  target_start_all || fault_fail "it does not start again"
  load_progress 5
  note "round $round: goes on after a restart"
done
load_stop
load_check checker 0
echo "  checked: two restarts after kill -9 of everything"
