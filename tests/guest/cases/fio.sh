# fio with verify=crc32c over random writes of 4 KiB to 1 MiB, buffered and direct, verified again after a remount.
# quick: dev
# limit: 400
command -v fio >/dev/null || { echo "fio is not installed"; exit 77; }
run_fio() {  # NAME DIRECT MIB EXTRA...
  fio --name="$1" --filename="$PWD/$1" --direct="$2" --size="$3m" --rw=randwrite --bsrange=4k-1m --blockalign=4k \
    --verify=crc32c --verify_fatal=1 --verify_state_save=0 --ioengine=psync --randseed=20261 --fsync_on_close=1 \
    --thread --output-format=terse "${@:4}" >/run/work/fio.out 2>&1 || { cat /run/work/fio.out; fail "fio $1"; }
}
run_fio buffered 0 128 --do_verify=1
checked "128 MiB buffered, written and verified"
run_fio direct 1 64 --do_verify=1
checked "64 MiB with O_DIRECT, written and verified"
remount_export
run_fio buffered 0 128 --verify_only
run_fio direct 1 64 --verify_only
checked "both verified after a remount"
