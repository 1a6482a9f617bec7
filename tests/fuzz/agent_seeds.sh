#!/usr/bin/env bash
# Seeds for the agent's fuzz targets from the captures: agent_seeds.sh DIR writes DIR/parsers and
# DIR/capture.
set -euo pipefail
captures="$(cd "$(dirname "${BASH_SOURCE[0]}")/../node-agent/captures" && pwd)"
out="$1"
mkdir -p "$out/parsers" "$out/capture"
for capture in "$captures"/*/; do
  name="$(basename "$capture")"
  seed="$out/capture/$name"
  : >"$seed"
  while IFS= read -r file; do
    path="${file#"$capture"}"
    if [[ "$path" == files/* ]]; then
      printf '/%s\n' "${path#files/}" >>"$seed"
      body="$(cat "$file")"
    else
      body="$(tail -n +3 "$file")"
    fi
    cat "$file" >>"$seed"
    printf '\f' >>"$seed"
    # Any parser may meet any output.
    for which in $(seq 0 25); do
      { printf "\\x$(printf %x "$which")"; printf '%s\n' "$body"; } \
        >"$out/parsers/$name-${path//\//_}-$which"
    done
  done < <(find "$capture" -type f -not -name SOURCE.md | sort)
done
