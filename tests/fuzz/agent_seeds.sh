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
      body="$(tr -d '\000' <"$file")"
    else
      body="$(tail -n +3 "$file" | tr -d '\000')"
    fi
    cat "$file" >>"$seed"
    printf '\f' >>"$seed"
    printf '%s\n' "$body" >"$out/parsers/$name-${path//\//_}"
  done < <(find "$capture" -type f -not -name SOURCE.md | sort)
done
