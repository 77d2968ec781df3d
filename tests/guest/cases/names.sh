# Names, renames, depth and times.
# limit: 200
long=$(printf 'n%.0s' {1..255})
must touch -- "$long" $'new\nline' $'\xff\xfe raw' ' leading' '-dash' 'a:b*?"<>|\' "é"
must_fail touch "${long}n"
remount_export
same "names" "$(find . -mindepth 1 -printf '%f\0' | LC_ALL=C sort -z | tr '\0' '/')" \
  "$(printf '%s\0' "$long" $'new\nline' $'\xff\xfe raw' ' leading' '-dash' 'a:b*?"<>|\' "é" | LC_ALL=C sort -z | tr '\0' '/')"
checked "255 bytes, raw bytes, newlines; 256 bytes refused"
must rm -- *

echo from >from; echo over >over; mkdir empty full dir; touch full/x
must mv -T from over
same "renamed over a file" "$(cat over)" from
must mv -T dir empty
must_fail perl -e 'rename("empty", "full") or die $!'
must_fail perl -e 'rename("over", "full") or die $!'
must_fail perl -e 'rename("empty", "over") or die $!'
mkdir -p p/q/r
must_fail perl -e 'rename("p", "p/q/r/p") or die $!'
must mv p/q/r full/r
same "links of a directory" "$(stat -c '%h' full p/q | tr '\n' ' ')" "3 2 "
same "parent after a move" "$(stat -c %i full)" "$(stat -c %i full/r/..)"
checked "rename over files and empty directories; loops and full directories refused; link counts"

must perl -e 'for (1..1000) { mkdir("d") && chdir("d") or die "depth $_: $!" } open(F, ">", "bottom") or die $!'
remount_export
must perl -e 'for (1..1000) { chdir("d") or die "depth $_: $!" } -e "bottom" or die "no bottom"'
must rm -rf d
checked "1,000 directories deep"

must touch -d '2001-02-03 04:05:06.789012345' stamp
must touch -d @1 epoch; must touch -d '2200-01-01 UTC' future; must touch -d '1930-01-01 UTC' past
remount_export
same "nanoseconds" "$(stat -c %y stamp | cut -c1-29)" "2001-02-03 04:05:06.789012345"
same "far times" "$(stat -c %Y epoch future past | tr '\n' ' ')" "1 7258118400 -1262304000 "
before=$(stat -c '%Y %Z' .); sleep 1.1; touch another
[[ $(stat -c '%Y %Z' .) != "$before" ]] || fail "a create did not change the directory's times"
before=$(stat -c '%Y' another); changed=$(stat -c %Z another); sleep 1.1; chmod 600 another
same "chmod leaves mtime" "$(stat -c %Y another)" "$before"
[[ $(stat -c %Z another) != "$changed" ]] || fail "chmod did not change ctime"
checked "times: nanoseconds, 1930 to 2200, directory and ctime updates"
