# Random kills, cuts and restarts of nodes under load, never more than a zone's worth at once; all checked at the end.
# limit: 1800
# targets: cluster
. "$LAB_SOURCE/faults.sh"
readonly ROUNDS=${CHAOS_ROUNDS:-15}
CHAOS_SEED=${CHAOS_SEED:-$RANDOM}
RANDOM=$CHAOS_SEED
note "CHAOS_SEED=$CHAOS_SEED CHAOS_ROUNDS=$ROUNDS repeats the choice of faults"

# Nodes of one zone, or one node, so that what is left always has its quorums. Sets victims; no subshell, which would have
# random numbers of its own.
choose_victims() {
  local zones=(a b c)
  local zone=${zones[RANDOM % 3]}
  case $((RANDOM % 4)) in
    0) victims="metadata-$zone datanode-${zone}1 datanode-${zone}2 frontend-$zone control-$zone" ;;
    1) victims=metadata-$zone ;;
    2) victims=datanode-${zone}$((RANDOM % 2 + 1)) ;;
    3) victims="datanode-${zone}1 datanode-${zone}2 metadata-$zone" ;;
  esac
  # The client's own front-end stays reachable: it is killed and started below, never cut off or left dead.
  victims=${victims/frontend-b/}
}

load_start 1
for ((round = 0; round < ROUNDS; round++)); do
  choose_victims
  action=kill
  (( RANDOM % 2 )) && action=cut
  # shellcheck disable=SC2086
  cluster $action $victims 2>/dev/null
  load_progress $((RANDOM % 4 + 1))
  (( RANDOM % 3 == 0 )) && { cluster kill frontend-b 2>/dev/null; cluster start frontend-b; }
  cluster heal
  cluster start all
  # Sometimes the next fault comes before this one is repaired in every corner, though quorums are back.
  load_progress $((RANDOM % 3 * 4 + 1))
  note "round $round: $action $victims"
done
load_stop
load_check checker 0
load_check checker 2
echo "  checked: $ROUNDS rounds of faults"
