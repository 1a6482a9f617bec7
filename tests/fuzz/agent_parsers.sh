#!/usr/bin/env bash
# Every parser of the agent by itself: agent_parsers.sh BINARY OUT RUNS [JOBS [LONGEST]] makes RUNS
# executions of each, of inputs up to LONGEST bytes, where OUT/PARSER.log does not say that they are done,
# and ends with a line for each parser. BINARY is build/tests/fuzz/agent_parsers_fuzz.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
binary="$1"
out="$2"
export runs="$3" longest="${5:-256}" here binary out
mkdir -p "$out"
[[ -d "$out/seeds/parsers" ]] || bash "$here/agent_seeds.sh" "$out/seeds"

fuzz() {
  parser="$1"
  grep -q "^Done $runs runs" "$out/$parser.log" 2>/dev/null && return 0
  mkdir -p "$out/corpus/$parser"
  # What a malloc costs with its stack recorded and its memory kept back is most of a short run.
  ASAN_OPTIONS=malloc_context_size=2:quarantine_size_mb=4 \
    "$binary" "--parser=$parser" -runs="$runs" -max_len="$longest" -dict="$here/agent.dict" \
    -print_final_stats=1 -artifact_prefix="$out/$parser-" "$out/corpus/$parser" "$out/seeds/parsers" \
    >"$out/$parser.log" 2>&1 || true
}
export -f fuzz

parsers="$("$binary" || true)"
xargs -P "${4:-2}" -I{} bash -c 'fuzz {}' <<<"$parsers"

found=0
for parser in $parsers; do
  if ! line="$(grep '^Done ' "$out/$parser.log")"; then
    line="stopped: $(grep -m1 -E 'ERROR|SUMMARY' "$out/$parser.log" || echo 'see its log')"
    found=1
  fi
  printf '%-16s %s\n' "$parser" "$line"
done
exit "$found"
