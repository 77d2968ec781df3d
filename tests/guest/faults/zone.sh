# kill -9 of a whole zone under load, each zone in turn: the load of a client elsewhere goes on, all reads right without it.
# quick: cluster
# limit: 1800
# targets: cluster
. "$LAB_SOURCE/faults.sh"
for zone in 0 1 2; do
  name=az-$(printf '%b' "\\x6$((zone + 1))")
  load_start $(((zone + 1) % 3))
  wait_whole "before $name"
  cluster kill "$name" 2>/dev/null
  load_progress 5
  load_stop
  load_check checker $(((zone + 2) % 3))
  note "works without $name"
  cluster start "$name"
  load_check checker $zone
done
echo "  checked: each zone killed under load and restarted; everything read without it and then through it"
