# Two clients through front-ends of two zones: what one writes and closes the other reads, in both directions.
# quick: dev cluster
need_guest client 0 || exit
need_guest other $(( ${#TARGET_ADDRESSES[@]} > 1 )) || exit
readonly ROUNDS=8
dir=/mnt/nfs/close-to-open-$RANDOM

in_guest() { guest_exec "$1" -t 120 "cd $dir && $2"; }
in_guest_must() { in_guest "$@" || { echo "  FAILED in $1: $2"; exit 1; }; }
read_must() {  # GUEST COMMAND WANTED
  local got
  got=$(in_guest "$1" "$2")
  [[ $got == "$3" ]] || { echo "  FAILED: $1: '$2' gave '$got', wanted '$3'"; exit 1; }
}

guest_exec client "mkdir $dir" || exit
for ((round = 0; round < ROUNDS; round++)); do
  if (( round % 2 )); then writer=other reader=client; else writer=client reader=other; fi
  in_guest_must $writer "echo round $round >file; echo $round >>log"
  read_must $reader "cat file" "round $round"
  read_must $reader "wc -l <log" $((round + 1))
done
echo "  checked: $ROUNDS rounds of overwrite and append, the reader alternating"

in_guest_must client "head -c 20000000 /dev/urandom >big"
sum=$(in_guest client "sha256sum <big")
read_must other "sha256sum <big" "$sum"
in_guest_must other "dd if=/dev/urandom of=big bs=777777 seek=3 count=2 conv=notrunc status=none; truncate -s 15000000 big"
sum=$(in_guest other "sha256sum <big")
read_must client "sha256sum <big" "$sum"
echo "  checked: 20 MB there, a changed and shorter file back"

in_guest_must client "mkdir d; echo 1 >d/a; mv d/a d/b; ln d/b d/c; rm log"
read_must other "ls d" $'b\nc'
read_must other "cat d/b d/c" $'1\n1'
in_guest other "cat log" >/dev/null 2>&1 && { echo "  FAILED: a removed file can still be opened"; exit 1; }
echo "  checked: names made, renamed, linked, removed"

# Both keep the file open and go around their caches: every acknowledged write is in every later read.
in_guest_must client "dd if=/dev/zero of=direct bs=4096 count=4 status=none"
for ((round = 0; round < ROUNDS; round++)); do
  if (( round % 2 )); then writer=other reader=client; else writer=client reader=other; fi
  in_guest_must $writer "printf '%4096d' $round | dd of=direct bs=4096 seek=$((round % 4)) oflag=direct iflag=fullblock conv=notrunc status=none"
  read_must $reader "dd if=direct bs=4096 skip=$((round % 4)) count=1 iflag=direct status=none | tr -d ' '" $round
done
echo "  checked: $ROUNDS rounds of O_DIRECT writes and reads"
