#!/usr/bin/env bash
# Builds the planner and tests both MILP solvers and the purchases on Debian 13, whose libhighs-dev
# Debian 12 lacks; also tries GCC 14 and newer libraries. As root, on Debian with debootstrap, with a
# network the first time:
#   bash .ci/highs.sh [ROOT]   (default /tmp/capacity-trixie, kept for the next run; 2 GB)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="${1:-/tmp/capacity-trixie}"

if [[ ! -e "$root/etc/debian_version" ]]; then
  debootstrap --variant=minbase trixie "$root" http://deb.debian.org/debian
fi
if ! cmp -s packaging/apt.txt "$root/apt.txt"; then  # what was installed last time
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  chroot "$root" apt-get update -qq
  grep -v '^#' packaging/apt.txt | xargs chroot "$root" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends libhighs-dev libbenchmark-dev zlib1g-dev
  cp packaging/apt.txt "$root/apt.txt"
fi

mkdir -p "$root/src"
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$root/src"
chroot "$root" env HOME=/root bash -euc '
  cd /src
  cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCAPACITY_BENCHMARKS=ON \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
  grep -q "^HIGHS_LIBRARY:FILEPATH=/" build/CMakeCache.txt
  ninja -C build -j 2 planner purchase_test | tail -n 1
  build/tests/purchase/purchase_test --gtest_brief=1'
