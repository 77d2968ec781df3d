# O_APPEND, O_EXCL, truncate up and down, mmap, unlink while open.
# quick: dev
# limit: 300
must "$TOOLS/append" appended 4 500
remount_export
same "bytes appended" "$(stat -c %s appended)" $((4 * 500 * 64))
checked "O_APPEND: 4 processes, 2,000 records, none lost or torn"
must mkdir race
must "$TOOLS/excl" race 4 200
same "names" "$(ls race | wc -l)" 200
must_fail bash -c 'set -o noclobber; echo x >race/name-0'
checked "O_EXCL: 4 processes, 200 names, one winner each"

must "$TOOLS/mapped" write mapped 4194304 11
must "$TOOLS/mapped" check mapped 4194304 11
remount_export
must "$TOOLS/mapped" check mapped 4194304 11
checked "mmap: 4 MiB written through a shared mapping, read both ways after a remount"

head -c 3000000 /dev/urandom >/run/work/model
must cp /run/work/model cut
for size in 2999999 1048577 1048576 1048575 16385 16384 4097 1 0 5000 70000 2500000; do
  must truncate -s $size cut; must truncate -s $size /run/work/model
  must cmp cut /run/work/model
done
remount_export
must cmp cut /run/work/model
checked "truncate down and up to 12 sizes around blocks, zeros where it grew"
must dd if=/dev/urandom of=/run/work/patch bs=100001 count=1 status=none
for offset in 0 4095 16383 1048570 2499000 3333333; do
  for file in cut /run/work/model; do
    must dd if=/run/work/patch of=$file bs=100001 seek=$offset oflag=seek_bytes conv=notrunc status=none
  done
done
remount_export
must cmp cut /run/work/model
checked "overwrites at odd offsets, one past the end"

echo still >open
exec 5<>open
must rm open
same "read after unlink" "$(cat <&5)" still
echo more >&5
exec 5<&-
remount_export
same "what is left of it" "$(ls -A | grep -c -e '^open' -e '^\.nfs')" 0
checked "a file unlinked while open stays readable and writable until it is closed"
