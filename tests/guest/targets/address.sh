# A server that somebody else runs: TARGET is ADDRESS[,ADDRESS...]:/PATH. Its addresses must be reachable from the lab's
# network, so this is for servers in a namespace that --net names.

IFS=, read -r -a TARGET_ADDRESSES <<<"${TARGET%%:*}"
TARGET_EXPORT=${TARGET#*:}
: "${LEASE_SECONDS:=60}"

target_start() { :; }
target_stop() { :; }
target_log() { :; }
