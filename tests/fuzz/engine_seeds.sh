#!/usr/bin/env bash
# Seeds for agent_engine_fuzz from the recorded samples: engine_seeds.sh DIR.
set -euo pipefail
samples="$(cd "$(dirname "${BASH_SOURCE[0]}")/../node-agent/engine/data" && pwd)"
out="$1"
mkdir -p "$out"
for file in "$samples"/*; do
  # Any parser may meet any sample, whole and in small pieces.
  for which in $(seq 0 13) 43; do
    { printf "\\x$(printf %x "$which")"; cat "$file"; } >"$out/$(basename "$file")-$which"
  done
done
