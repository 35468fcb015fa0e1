#!/usr/bin/env bash
# Builds the npm package `toolgate-wasm` into bindings-wasm/dist. The same sources give the same bytes, wherever they lie.
#
#   TOOLGATE_WASM_ROUTE=auto|rustup|debian   where the standard library for WebAssembly comes from:
#     rustup   the installed target
#     debian   Debian's rustc-web, in the cache: debian.sh
#     auto     rustup's; if it is not installed and cannot be added, Debian's
#   TOOLGATE_CACHE=DIR   where Debian's lies; default ~/.cache/toolgate
#
# Exit 0 built, 1 failed, 3 neither route works on this machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
cache=${TOOLGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/toolgate}
route=${TOOLGATE_WASM_ROUTE:-auto}
target=wasm32-unknown-unknown
say() { echo "toolgate-wasm: $*" >&2; }
cd "$root"

if [ "$route" != debian ]; then
  has_target() { compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null; }
  if ! has_target && [ "$route" = auto ] && command -v rustup >/dev/null; then
    timeout 180 rustup target add "$target" >&2 || true
  fi
  if has_target; then
    route=rustup
  elif [ "$route" = rustup ]; then
    say "$target is not installed: rustup target add $target"
    exit 3
  fi
fi
if [ "$route" != rustup ]; then
  status=0
  usr=$("$here/debian.sh" "$cache") || status=$?
  if [ $status = 3 ]; then say "no way to compile for $target on this machine"; fi
  [ $status = 0 ] || exit $status
  linker=$(compgen -G "$usr/bin/wasm-ld-*" | head -n 1)
  compiler=(RUSTC="$usr/bin/rustc" CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$linker"
    LD_LIBRARY_PATH="$usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
else
  compiler=(RUSTC="${RUSTC:-rustc}")
fi
rustc=(env "${compiler[@]}" sh -c 'exec "$RUSTC" "$@"' rustc)
say "with $("${rustc[@]}" -V)"

# No path of this machine in the module; and a stack for the deepest policies that the engine reads: what it needs is
# written in core/src/load/stack.rs.
sysroot=$("${rustc[@]}" --print sysroot) hash=$("${rustc[@]}" -vV | awk '/^commit-hash/ { print $2 }')
flags="-Clink-arg=-zstack-size=8388608 --remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$hash"
flags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$CARGO_TARGET_DIR=/target"
flags+=" --remap-path-prefix=$root=/toolgate"
env "${compiler[@]}" RUSTFLAGS="$flags" cargo build --locked --profile wasm --target "$target" -p toolgate-wasm >&2
cargo build --locked --release --manifest-path "$here/bindgen/Cargo.toml" --target-dir "$CARGO_TARGET_DIR/wasm-bindgen" >&2

out=$here/dist
rm -rf "$out"
mkdir -p "$out"
glue=$(mktemp -d)
trap 'rm -rf "$glue"' EXIT
"$CARGO_TARGET_DIR/wasm-bindgen/release/toolgate-wasm-bindgen" "$CARGO_TARGET_DIR/$target/wasm/toolgate_wasm.wasm" "$glue"
cp "$glue/toolgate_bg.wasm" "$out/toolgate.wasm"
node "$here/js/assemble.js" "$glue/toolgate.js" "$out"
cp "$root/LICENSE" "$here/LICENSE"
size=$(wc -c <"$out/toolgate.wasm") gzipped=$(gzip -9c "$out/toolgate.wasm" | wc -c)
say "dist/toolgate.wasm: $size bytes, $gzipped gzipped, sha256 $(sha256sum <"$out/toolgate.wasm" | cut -d' ' -f1)"
