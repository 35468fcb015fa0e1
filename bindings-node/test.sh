#!/usr/bin/env bash
# Builds the Node addon and runs every test of it on a machine that has Rust. Installs what is missing. Prints the
# totals last. TOOLGATE_CALLS=1000000 is the nightly tier.
set -euo pipefail
cd "$(dirname "$0")"

node_is_there() { command -v npm >/dev/null && command -v node >/dev/null; }
node_is_new() { node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }
if ! node_is_there; then
  command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq nodejs npm >/dev/null && node_is_there ||
    { echo "Node is missing: install Node 20 or later from https://nodejs.org" >&2; exit 2; }
fi
if ! node_is_new; then
  # what the distribution has is older than any Node that is still looked after
  npm install --silent --no-save --no-audit --no-fund --prefix node_modules/.newer node@22
  PATH="$PWD/node_modules/.newer/node_modules/node/bin:$PATH"
fi

npm ci --silent --no-audit --no-fund
node build.mjs
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
node --test --test-reporter=tap test/*.test.mjs >"$log" || status=1
grep -E '^(not )?ok ' "$log" || true
[ $status -eq 0 ] || cat "$log"
grep -ho 'SKIPPED.*' "$log" || true
awk '/^# (pass|fail|skipped) / { count[$2] = $3 }
     END { printf "Node: %d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skipped"] }' "$log"
exit $status
