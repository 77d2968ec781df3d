# A tree of 5,200 files and directories untarred and compared by checksum after a remount.
# quick: dev
# needs: tree
# limit: 400
must tar -xpf "$FIXTURES/tree.tar"
tree_sums tree >/run/work/before
must cmp "$FIXTURES/tree.sums" /run/work/before
checked "$(grep -c . "$FIXTURES/tree.sums") names, modes, links and checksums with a warm cache"
remount_export
tree_sums tree >/run/work/after
must cmp "$FIXTURES/tree.sums" /run/work/after
checked "the same after a remount"
same "mtime of a file" "$(stat -c %Y "$(find tree -type f -print -quit)")" 1600000000
must rm -rf tree
must_fail ls tree
checked "rm -rf of the tree"
