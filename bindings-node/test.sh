#!/usr/bin/env bash
# Builds the Node addon and runs every test of it on a machine that has Rust. Installs what is missing. Prints the
# totals last. TOOLGATE_CALLS=1000000 is the nightly tier.
set -euo pipefail
cd "$(dirname "$0")"

. ./node.sh

npm ci --silent --no-audit --no-fund
node build.mjs
run_tests Node
