#!/usr/bin/env bash
# isolated.sh COMMAND...: runs COMMAND in a network namespace of its own, with one interface besides loopback: 10.9.0.1,
# multicast capable and with a default route that leads nowhere. Its processes end with it. Root needs nothing more;
# others get a user namespace, where the kernel allows that.
set -euo pipefail

user=()
[[ $(id -u) == 0 ]] || user=(--user --map-root-user)
exec unshare "${user[@]}" --net --pid --fork --kill-child=KILL --mount-proc -- bash -euc '
  ip link set lo up
  ip link add v0 type veth peer name v1
  ip addr add 10.9.0.1/24 dev v0
  ip link set v0 up
  ip link set v1 up
  ip route add default via 10.9.0.2
  "$@"' isolated "$@"
