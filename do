#!/usr/bin/env bash
# One-word commands for everything. `./do dev` and `./do test` work on a fresh Debian 12 as root or with sudo.
set -euo pipefail
cd "$(dirname "$0")"

packages=(
  build-essential cmake ninja-build pkg-config ccache mold clang-16 clang-format-16 libclang-rt-16-dev rpcsvc-proto
  libboost1.81-dev libtirpc-dev libgssapi-krb5-2 libkrb5-dev librocksdb-dev libgrpc++-dev
  protobuf-compiler-grpc libprotobuf-dev protobuf-compiler libabsl-dev catch2 libisal-dev libssl-dev
  prometheus-cpp-dev libspdlog-dev libfmt-dev libcli11-dev libyaml-cpp-dev libjemalloc-dev
)
# What the tests with a real Linux client need besides.
test_packages=(user-mode-linux nfs-common iproute2 kmod git make fio sqlite3 python3)

usage() {
  cat <<'USAGE'
./do dev [OPTION...]   build, then run a cluster of three zones in one process, serving NFS (openefs dev)
./do test              build, then every test: unit tests, and a real Linux client in a guest
./do setup             install the packages that building needs (dev and test do it by themselves)
./do build [PRESET]    build a preset: release (default), debug, asan, tsan, fuzz, coverage
./do unit [PRESET]     build and run the unit tests of a preset
./do guest [CASE...]   build and run tests of a real Linux client in a guest
./do lab-test          build and run the lab's own test: Docker containers, a zone that dies under a real client
./do fuzz [SECONDS]    build and run every fuzzer, SECONDS each (60)
./do format            format the sources; ./do format check only tells
./do clean             remove build/
USAGE
}

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

install_missing() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  echo "installing: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
  local preset=${1:-release}; shift || true
  install_missing "${packages[@]}"
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset" >/dev/null
  ninja -C "build/$preset" "$@"
}

unit() {
  local preset=${1:-release}
  build "$preset"
  ctest --test-dir "build/$preset" -L unit -j "$(nproc)" --output-on-failure
}

# What the program itself logs is not shown; run it again on the file that a failure leaves to see that.
fuzz() {
  local seconds=${1:-60} fuzzer
  build fuzz
  for fuzzer in $(find build/fuzz/tests -maxdepth 1 -name '*_fuzz' -perm -u+x); do
    echo "== $(basename "$fuzzer"), $seconds s"
    "$fuzzer" -max_total_time="$seconds" -max_len=65536 -len_control=0 -rss_limit_mb=4096 -print_final_stats=1 -close_fd_mask=2 \
      -artifact_prefix="build/fuzz/"
  done
}

command=${1:-help}; shift || true
case $command in
  setup) install_missing "${packages[@]}" "${test_packages[@]}" ;;
  build) build "$@" ;;
  dev) build release openefs >&2 && exec build/release/cli/openefs dev "$@" ;;
  unit) unit "$@" ;;
  test)
    install_missing "${packages[@]}" "${test_packages[@]}"
    build release
    ctest --test-dir build/release --output-on-failure
    ;;
  guest)
    install_missing "${packages[@]}" "${test_packages[@]}"
    build release openefs
    tests/guest/run --openefs build/release/cli/openefs "$@"
    ;;
  lab-test)
    install_missing "${packages[@]}" "${test_packages[@]}"
    [[ -f build/release/build.ninja ]] || cmake --preset release >/dev/null
    cmake -DOPENEFS_LAB_TEST=ON build/release >/dev/null
    build release openefs
    ctest --test-dir build/release -L lab --output-on-failure --no-tests=error
    ;;
  fuzz) fuzz "$@" ;;
  format)
    if [[ ${1:-} == check ]]; then git ls-files '*.h' '*.cc' | xargs clang-format-16 --dry-run -Werror
    else git ls-files '*.h' '*.cc' | xargs clang-format-16 -i; fi
    ;;
  clean) rm -rf build ;;
  *) usage ;;
esac
