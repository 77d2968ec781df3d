# kill -9 of any two data nodes of a whole cluster under load, in one zone and in two: writes go on, and everything reads right without them.
# quick: cluster
# limit: 1200
# targets: cluster
. "$LAB_SOURCE/faults.sh"
for pair in "datanode-a1 datanode-a2" "datanode-a2 datanode-b1" "datanode-b2 datanode-c1"; do
  load_start 0
  wait_whole "before $pair"
  # shellcheck disable=SC2086
  cluster kill $pair 2>/dev/null
  load_progress 5
  load_stop
  load_check checker 1
  # shellcheck disable=SC2086
  cluster start $pair
  note "works without $pair"
done
load_start 0
load_progress 20
load_stop
load_check checker 2
echo "  checked: three pairs of data nodes killed under load and restarted"
