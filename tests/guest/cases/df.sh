# df shows 8.0E, as Amazon EFS does.
# quick: dev
# limit: 30
[[ $TARGET == ganesha ]] && { echo "the peer shows its disk"; exit 77; }
same "df -h" "$(df -h --output=size . | tail -1 | tr -d ' ')" 8.0E
(( $(df --output=itotal . | tail -1) != 0 )) && checked "inodes: $(df --output=itotal . | tail -1 | tr -d ' ')"
checked "df: $(df -h . | tail -1 | tr -s ' ')"
