#!/bin/sh
# launch_seeds.sh CORPUS    writes the seeds of launch_fuzz: each recorded answer behind the byte
# that chooses its reader.
set -eu
corpus="$1"
data="$(dirname "$0")/../launch/data"
mkdir -p "$corpus"
seed() { # BYTE (octal) FILE
  { printf "\\$1"; cat "$data/$2"; } >"$corpus/$2.$1"
}
seed 000 exo-state.json
seed 001 exo-previews.json
seed 002 llama-props.json
seed 002 llama-slots.json
printf '\003{"schema": "capacity-planner/launches/v1", "launches": [{"engine": "exo", "model": "m", "url": "http://x", "shares": [{"node": "a", "first_layer": 0, "layers": 3, "engine_node": "b"}]}]}' >"$corpus/record"
printf '\004{"error": {"message": "no"}}' >"$corpus/complaint"
