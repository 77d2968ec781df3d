# A C project built with make: it builds once, stays built, and notices a changed header.
# quick: dev
# needs: project
# limit: 300
must cp -r "$FIXTURES/project" project
cd project || fail "no project"
units=$(find . -name 'unit*.c' | wc -l)
must make -s -j2
same "output" "$(./program)" "$((units * 3 + 2 * (units * (units - 1) / 2)))"
same "units compiled" "$(sort -u compiled | wc -l)" $((units + 1))
checked "built with -j2 and ran: $units units, an archive, a program"
remount_export
must make -q
checked "nothing to do after a remount: times are kept"
: >compiled
sleep 1.1
sed -i 's/kBase = 3/kBase = 4/' unit.h
must make -s -j2
same "units compiled again" "$(sort -u compiled | wc -l)" $((units + 1))
same "output" "$(./program)" "$((units * 4 + 2 * (units * (units - 1) / 2)))"
must make -s clean
same "objects after clean" "$(find . -name '*.o' | wc -l)" 0
checked "a changed header rebuilds what includes it; make clean"
