# Every test again under AddressSanitizer and UndefinedBehaviorSanitizer.
set -euo pipefail
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1
build=build-asan
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCAPACITY_SANITIZE=ON \
  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
ninja -C "$build" | tail -n 1
cd "$build"
ASAN_OPTIONS=detect_leaks=1 ctest --output-on-failure -j 2 | tail -n 15
