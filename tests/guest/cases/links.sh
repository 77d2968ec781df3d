# Hard links, symbolic links, FIFOs and sockets.
# quick: dev
# limit: 120
echo one >a
must ln a b; must ln b c
same "link count" "$(stat -c %h a)" 3
same "inode of a link" "$(stat -c %i a)" "$(stat -c %i c)"
echo two >b
same "content through a link" "$(cat c)" two
must rm a; must mv b d
remount_export
same "link count after rm and mv" "$(stat -c %h c)" 2
same "content after rm and mv" "$(cat d)" two
must mkdir sub; must_fail ln sub hard; must_fail ln missing x
checked "hard links: count, identity, content; none to directories"
must perl -e 'for (1..300) { link("c", "l$_") or die "link $_: $!" }'
same "link count of 302" "$(stat -c %h c)" 302
checked "more than 177 links, which is where EFS ends"

long=$(printf 'x/%.0s' {1..2000})y
must ln -s "$long" long
must ln -s missing dangling
must ln -s ../"$(basename "$PWD")"/d relative
must ln -s self self
remount_export
same "long target" "$(readlink long)" "$long"
same "through a link" "$(cat relative)" two
same "dangling" "$(readlink dangling)" missing
must_fail cat dangling; must_fail cat self
same "lstat of a link" "$(stat -c %F self)" "symbolic link"
checked "symbolic links: 4,001 bytes, relative, dangling, to itself"

must mkfifo pipe
( echo through >pipe ) &
same "FIFO" "$(timeout 20 cat pipe)" through
wait
must perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) && bind(S, sockaddr_un("sock")) or die "bind: $!"'
remount_export
same "type of a FIFO" "$(stat -c %F pipe)" fifo
same "type of a socket" "$(stat -c %F sock)" socket
checked "FIFO with data through it, socket"
