# Two clients through front-ends of two zones: fcntl and flock locks exclude, by range, and nothing is lost under them.
# quick: dev cluster
need_guest client 0 || exit
need_guest other $(( ${#TARGET_ADDRESSES[@]} > 1 )) || exit
dir=/mnt/nfs/locks-$RANDOM
guest_exec client "mkdir $dir" || exit

# hold_in GUEST KIND ARGS: takes a lock and keeps it until let_go.
hold_in() {
  local flag=$LAB_DIR/holding
  rm -f "$flag" "$flag.release"
  holder=$1
  job=$(guest_start "$1" "cd $dir && \$TOOLS/lock hold $2 file ${3:-} -- bash -c 'touch $flag; until [[ -e $flag.release ]]; do sleep 0.1; done'")
  until [[ -e $flag ]]; do
    if [[ -z $job ]] || guest_done "$1" "$job"; then guest_wait "$1" "$job" 1; exit 1; fi
    sleep 0.1
  done
}
let_go() { touch "$LAB_DIR/holding.release"; guest_wait "$holder" "$job" 30; }
try_must() {  # WANTED GUEST KIND ARGS
  guest_exec "$2" -t 60 "cd $dir && \$TOOLS/lock try $3 file ${4:-}"
  local got=$?
  (( got == $1 )) || { echo "  FAILED: '$3 ${4:-}' in $2 gave $got, wanted $1 (0 free, 1 taken)"; exit 1; }
}

for holder_name in client other; do
  [[ $holder_name == client ]] && peer=other || peer=client
  for kind in fcntl flock; do
    hold_in $holder_name $kind
    try_must 1 $peer $kind
    let_go || exit
    try_must 0 $peer $kind
  done
  hold_in $holder_name fcntl "100 50"
  try_must 1 $peer fcntl "149 1"
  try_must 1 $peer fcntl "0 0"
  try_must 0 $peer fcntl "150 10"
  try_must 0 $peer fcntl "0 100"
  let_go || exit
done
echo "  checked: fcntl and flock exclude in both directions, ranges only where they overlap, and are free after release"

# A counter that both raise under a lock loses no step.
readonly STEPS=8
guest_exec client "cd $dir && echo 0 >counter"
raise="cd $dir && for ((i = 0; i < $STEPS; i++)); do
  \$TOOLS/lock hold flock counter.lock -- bash -c 'n=\$(cat counter); echo \$((n + 1)) >counter' || exit; done"
job=$(guest_start other "$raise")
guest_exec client -t 240 "$raise" || exit
guest_wait other "$job" 240 || exit
count=$(guest_exec client "cat $dir/counter")
[[ $count == $((2 * STEPS)) ]] || { echo "  FAILED: the counter is $count, wanted $((2 * STEPS))"; exit 1; }
echo "  checked: $((2 * STEPS)) steps of a counter under a lock by two clients"
