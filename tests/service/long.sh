#!/usr/bin/env bash
# Every long measurement of the service, client and server on this machine; about seven minutes.
#   tests/service/long.sh [BUILD_DIRECTORY]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
endurance="${1:-build}/tests/service/service_endurance"
ulimit -n "$(ulimit -Hn)"
"$endurance" load --tls --agents 2000 --period 10 --seconds 60 --most-rss-mb 300 --most-p99-ms 200
"$endurance" load --agents 5000 --period 10 --seconds 60 --most-rss-mb 200
"$endurance" durable --seconds 20 --least 4000
"$endurance" kill --times 1000
"$endurance" frames --frames 1000000
"$endurance" full || [ $? = 77 ]
