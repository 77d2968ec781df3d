# 10,000 entries in one directory: listed, renamed, listed, removed.
# quick: dev
# limit: 600
readonly ENTRIES=10000
must mkdir many
must perl -e 'for $i (1..$ARGV[0]) { open(F, ">", "many/entry-$i") or die "create $i: $!" }' $ENTRIES
remount_export
listed() { ls -f many | grep -vxF -e . -e .. | LC_ALL=C sort; }
expected() { seq -f "$1-%.0f" $ENTRIES | LC_ALL=C sort; }
must cmp <(listed) <(expected entry)
checked "$ENTRIES entries created and listed after a remount, each once"
must perl -e 'for $i (1..$ARGV[0]) { rename("many/entry-$i", "many/renamed-$i") or die "rename $i: $!" }' $ENTRIES
remount_export
must cmp <(listed) <(expected renamed)
checked "renamed and listed"
must_fail rmdir many
must perl -e 'for $i (1..$ARGV[0]) { unlink("many/renamed-$i") or die "unlink $i: $!" }' $ENTRIES
same "entries left" "$(ls -A many | wc -l)" 0
must rmdir many
checked "removed; a directory that is not empty was not"
