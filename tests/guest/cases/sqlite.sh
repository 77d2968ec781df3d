# sqlite with four concurrent writers, with a rollback journal: byte-range locks, fsync, truncation.
# quick: dev
# limit: 400
command -v sqlite3 >/dev/null || { echo "sqlite3 is not installed"; exit 77; }
readonly WRITERS=4 ROWS=40
must sqlite3 base 'create table t (writer integer, n integer, body text, primary key (writer, n));'
writer() {
  local n
  for ((n = 0; n < ROWS; n++)); do
    echo ".timeout 120000"
    echo "insert into t values ($1, $n, hex(randomblob(2000)));"
  done | sqlite3 -bail base
}
for ((w = 0; w < WRITERS; w++)); do writer $w & pids[w]=$!; done
for ((w = 0; w < WRITERS; w++)); do wait "${pids[w]}" || fail "writer $w"; done
remount_export
same "integrity" "$(sqlite3 base 'pragma integrity_check;')" ok
same "rows" "$(sqlite3 base 'select count(*), count(distinct writer), sum(length(body)) from t;')" \
  "$((WRITERS * ROWS))|$WRITERS|$((WRITERS * ROWS * 4000))"
must sqlite3 base 'begin; delete from t where n % 2; update t set n = n + 1000; commit; vacuum;'
same "after vacuum" "$(sqlite3 base 'pragma integrity_check; select count(*) from t;' | tr '\n' ' ')" "ok $((WRITERS * ROWS / 2)) "
checked "$WRITERS writers, $ROWS transactions each, integrity after a remount, vacuum"
