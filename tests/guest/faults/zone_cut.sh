# A whole zone is cut off the network under load and comes back: the rest goes on, the zone catches up.
# limit: 1800
# targets: cluster
. "$LAB_SOURCE/faults.sh"
for zone in 0 1 2; do
  name=az-$(printf '%b' "\\x6$((zone + 1))")
  load_start $(((zone + 1) % 3))
  wait_whole "before $name"
  cluster cut "$name" 2>/dev/null
  load_progress 5
  load_stop
  load_check checker $(((zone + 2) % 3))
  note "works while $name is cut off"
  cluster heal "$name"
  load_check checker $zone
done
echo "  checked: each zone cut off under load and healed; everything read without it and then through it"
