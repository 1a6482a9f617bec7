# A stranger's first minutes: clone, plan, in an almost empty environment.
set -euo pipefail
clone="$(mktemp -d)"
trap 'rm -rf "$clone"' EXIT
git clone -q . "$clone/capacity-planner"
cd "$clone/capacity-planner"
env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$clone" \
  CCACHE_DIR="${CCACHE_DIR:-${HOME:-/root}/.cache/ccache}" ./run plan --budget 10000 >"$clone/plan.txt"
grep -q 'WHAT TO BUY NEXT' "$clone/plan.txt"
cat "$clone/plan.txt"
# No path of the build machine's checkout may be needed: the installed tree works from elsewhere.
cmake --install build --component planner --prefix "$clone/prefix" >/dev/null
rm -rf "$clone/capacity-planner/inventories"
(cd / && env -i "$clone/prefix/bin/planner" catalog machines >/dev/null)
echo "installed tree works without the sources"
