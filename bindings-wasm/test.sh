#!/usr/bin/env bash
# Builds toolgate-wasm and tests it, on a machine that has Rust; what cannot be done here is skipped visibly.
#
#   TOOLGATE_NIGHTLY=1   1,000,000 calls for the memory test, and a second build elsewhere that must give the same bytes
#   TOOLGATE_WASM_ROUTE  see build.sh
set -euo pipefail
cd "$(dirname "$0")"

# the bound of the module as it is sent, and of the binding's Rust
most=$((800 * 1024)) lines=350

if ! command -v node >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  echo "SKIPPED toolgate-wasm: it is tested with Node 20 or later, and there is none"
  exit 0
fi
built=0; ./build.sh || built=$?
if [ $built = 3 ]; then
  echo "SKIPPED toolgate-wasm: neither rustup's target nor Debian's rustc-web is to be had here"
  exit 0
fi
[ $built = 0 ] || exit $built

found=$(cat src/*.rs | wc -l)
[ "$found" -le "$lines" ] || { echo "the binding has $found lines of Rust, $lines are allowed" >&2; exit 1; }
size=$(gzip -9c dist/toolgate.wasm | wc -c)
echo "toolgate.wasm: $size bytes gzipped of $most"
[ "$size" -le "$most" ] || { echo "toolgate.wasm is too large" >&2; exit 1; }

if [ "${TOOLGATE_NIGHTLY:-0}" = 1 ]; then
  export TOOLGATE_CALLS=${TOOLGATE_CALLS:-1000000}
  other=$(mktemp -d)
  trap 'rm -rf "$other"' EXIT
  (cd .. && tar --exclude=./target --exclude='*/target' --exclude='*/node_modules' --exclude=./.git -cf - .) | tar -xf - -C "$other"
  CARGO_TARGET_DIR=$other/target "$other/bindings-wasm/build.sh"
  cmp dist/toolgate.wasm "$other/bindings-wasm/dist/toolgate.wasm" || { echo "two builds differ" >&2; exit 1; }
  echo "a build in $other gave the same bytes"
fi

# what is needed to test, by its lock file
if ! cmp -s package-lock.json node_modules/.toolgate-lock; then
  if npm ci --no-audit --no-fund --silent; then
    cp package-lock.json node_modules/.toolgate-lock
  else
    echo "SKIPPED toolgate-wasm's types and bundles: npm cannot reach a registry"
  fi
fi
tests=(test/api.test.mjs test/conformance.test.mjs test/hostile.test.mjs test/trap.test.mjs test/memory.test.mjs test/browser.test.mjs)
[ -e node_modules/.toolgate-lock ] && tests+=(test/package.test.mjs)
node --expose-gc --test "${tests[@]}"
