# A file of 5 GiB, dense in places and sparse in others, compared byte by byte after a remount.
# quick: dev
# limit: 500
must "$TOOLS/sparse" write big 5 99
remount_export
same "size" "$(stat -c %s big)" $((5 << 30))
must "$TOOLS/sparse" check big 5 99
checked "5 GiB: dense stretches, lone blocks at odd offsets, zeros around them, also past 4 GiB"
used_kib=$(du -k big | cut -f1)
(( used_kib < 2 << 20 )) || fail "du says $used_kib KiB: holes are charged for"
checked "du says $((used_kib >> 10)) MiB"
must rm big
