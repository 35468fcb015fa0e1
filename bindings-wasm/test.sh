#!/usr/bin/env bash
# Builds toolgate-wasm and runs every test of it on a machine that has Rust; what cannot be done here is skipped visibly.
# Prints the totals last. TOOLGATE_NIGHTLY=1 is the nightly tier: 1,000,000 calls for the memory test, and a second build
# elsewhere that must give the same bytes. TOOLGATE_WASM_ROUTE: see build.sh.
set -euo pipefail
cd "$(dirname "$0")"

# what the module is to be as it is sent, what it must not grow beyond until it is, and the bound of the binding's Rust
aim=$((800 * 1024)) most=$((1660 * 1024)) lines=350

. ../bindings-node/node.sh

built=0
./build.sh || built=$?
if [ $built = 3 ]; then
  echo "SKIPPED WebAssembly: neither rustup's target nor Debian's rustc-web is to be had here"
  exit 0
fi
[ $built = 0 ] || exit $built

status=0
found=$(cat src/*.rs | wc -l)
echo "$found lines of Rust, of $lines"
[ "$found" -le "$lines" ] || { echo "the binding is too long" >&2; status=1; }
size=$(gzip -9c dist/toolgate.wasm | wc -c)
echo "toolgate.wasm: $size bytes gzipped, of $most"
[ "$size" -le "$aim" ] || echo "NOT REACHED: toolgate.wasm is to be $aim bytes gzipped at most"
[ "$size" -le "$most" ] || { echo "toolgate.wasm is too large" >&2; status=1; }

if [ "${TOOLGATE_NIGHTLY:-0}" = 1 ]; then
  export TOOLGATE_CALLS=${TOOLGATE_CALLS:-1000000}
  other=$(mktemp -d)
  trap 'rm -rf "$other"' EXIT
  tar -C .. --exclude=target --exclude=node_modules --exclude=.git -cf - . | tar -xf - -C "$other"
  CARGO_TARGET_DIR=$other/target "$other/bindings-wasm/build.sh"
  if cmp dist/toolgate.wasm "$other/bindings-wasm/dist/toolgate.wasm"; then
    echo "a build elsewhere gave the same bytes"
  else
    status=1
  fi
fi

# by the lock file, once
if ! cmp -s package-lock.json node_modules/.lock; then
  npm ci --silent --no-audit --no-fund
  cp package-lock.json node_modules/.lock
fi
run_tests WebAssembly --expose-gc || status=1
exit $status
