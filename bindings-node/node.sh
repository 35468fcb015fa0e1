# Sourced by the tests for JavaScript. Node 20 or later and npm are installed where they are missing.
node_is_there() { command -v npm >/dev/null && command -v node >/dev/null; }
node_is_new() { node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }
if ! node_is_there; then
  command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq nodejs npm >/dev/null && node_is_there ||
    { echo "Node is missing: install Node 20 or later from https://nodejs.org" >&2; exit 2; }
fi
if ! node_is_new; then
  # what the distribution has is older than any Node that is still looked after; not in node_modules, which `npm ci` empties
  newer=${CARGO_TARGET_DIR:-$PWD/../target}/node
  [ -x "$newer/node_modules/node/bin/node" ] ||
    npm install --silent --no-save --no-audit --no-fund --prefix "$newer" node@22
  PATH=$newer/node_modules/node/bin:$PATH
fi

# Runs test/*.test.mjs under a name, with flags for Node. Prints a line for each test, all there is if one fails, and the
# totals last.
run_tests() {
  local name=$1 log status=0
  shift
  log=$(mktemp)
  node "$@" --test --test-reporter=tap test/*.test.mjs >"$log" || status=1
  grep -E '^(not )?ok ' "$log" || true
  [ $status -eq 0 ] || cat "$log"
  grep -ho 'SKIPPED.*' "$log" || true
  awk -v name="$name" '/^# (pass|fail|skipped) / { count[$2] = $3 }
       END { printf "%s: %d passed, %d failed, %d skipped\n", name, count["pass"], count["fail"], count["skipped"] }' "$log"
  rm -f "$log"
  return $status
}
