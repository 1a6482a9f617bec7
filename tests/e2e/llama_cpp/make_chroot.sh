#!/usr/bin/env bash
# make_chroot.sh [DIR]    puts a real llama.cpp into DIR, for the tests of engine_test.cc
#
# DIR/sid becomes a Debian sid with llama-bench, llama-server, ggml-rpc-server and what
# make_model.py needs; DIR/sid/etc/capacity-packages says which versions. DIR is
# $CAPACITY_LLAMA_CPP_DIR unless given, and ~/.cache/capacity-planner/llama.cpp without either. What
# is complete already stays as it is: remove DIR/sid to have it anew.
#
# Takes about a minute, 250 MB of downloads and 500 MB of disk; needs Linux, root, debootstrap and a Debian
# mirror ($CAPACITY_DEBIAN_MIRROR, else deb.debian.org).
#
# Exit code: 0: it is there; 77: it cannot be made here, and stderr says why; 1: it failed half-way,
# and the log that stderr names says where.
set -euo pipefail

default="${CAPACITY_LLAMA_CPP_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/capacity-planner/llama.cpp}"
directory="${1:-$default}"
mirror="${CAPACITY_DEBIAN_MIRROR:-http://deb.debian.org/debian}"
chroot="$directory/sid"

# llama.cpp-tools: llama-bench and llama-server. llama.cpp-tools-extra: ggml-rpc-server (under
# /usr/libexec) and llama-fit-params. The RPC backend is a package of its own.
packages="llama.cpp-tools llama.cpp-tools-extra libggml0-backend-rpc python3-gguf python3-numpy"

cannot() {
  printf 'make_chroot.sh: no llama.cpp here: %s\n' "$1" >&2
  exit 77
}

[ -e "$chroot/etc/capacity-packages" ] && exit 0
[ "$(uname -s)" = Linux ] || cannot "this is not Linux"
[ "$(id -u)" = 0 ] || cannot "only root can make a chroot"
command -v debootstrap >/dev/null || cannot "debootstrap is missing (apt-get install debootstrap)"
command -v unshare >/dev/null || cannot "unshare is missing (apt-get install util-linux)"
command -v curl >/dev/null || cannot "curl is missing (apt-get install curl)"
curl -fsIL --max-time 30 "$mirror/dists/sid/Release" >/dev/null ||
  cannot "$mirror does not answer (CAPACITY_DEBIAN_MIRROR names another mirror)"

mkdir -p "$directory"
exec 9>"$directory/lock"
flock 9 # whoever waited here finds it made
[ -e "$chroot/etc/capacity-packages" ] && exit 0

log="$directory/make_chroot.log"
rm -rf "$chroot" "$directory/sid.new"
printf 'make_chroot.sh: making %s (about a minute; log: %s)\n' "$chroot" "$log" >&2

make() {
  debootstrap --variant=minbase --include=ca-certificates sid "$directory/sid.new" "$mirror"
  # Nothing of the packages may start a service here.
  printf '#!/bin/sh\nexit 101\n' >"$directory/sid.new/usr/sbin/policy-rc.d"
  chmod 0755 "$directory/sid.new/usr/sbin/policy-rc.d"
  # shellcheck disable=SC2086
  chroot "$directory/sid.new" env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
    apt-get install -y -q --no-install-recommends $packages
  chroot "$directory/sid.new" apt-get clean
  rm -rf "$directory/sid.new/var/lib/apt/lists"
  # shellcheck disable=SC2086
  chroot "$directory/sid.new" dpkg-query -W $packages libggml0 >"$directory/packages.new"
  mv "$directory/packages.new" "$directory/sid.new/etc/capacity-packages"
}

if ! (set -e; make) >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  printf 'make_chroot.sh: failed; the whole log: %s\n' "$log" >&2
  exit 1
fi
mv "$directory/sid.new" "$chroot"
