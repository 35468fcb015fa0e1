#!/usr/bin/env bash
# Builds the npm package `toolgate-wasm` into bindings-wasm/dist. The same sources give the same bytes, wherever they lie.
#
#   TOOLGATE_WASM_ROUTE=auto|rustup|debian   where the standard library for WebAssembly comes from:
#     rustup   the installed target
#     debian   Debian's rustc-web, unpacked (not installed) into the cache, its standard library built once (5 min)
#     auto     rustup's; if it is not installed and cannot be added, Debian's
#   TOOLGATE_CACHE=DIR   where Debian's lies; default ~/.cache/toolgate
#   TOOLGATE_WASM_OPT=1  runs `wasm-opt` (npm's `binaryen`) over it: calls a little faster, the package a little larger
#
# Exit 0 built, 1 failed, 3 neither route works on this machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
cache=${TOOLGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/toolgate}
route=${TOOLGATE_WASM_ROUTE:-auto}
target=wasm32-unknown-unknown
say() { echo "toolgate-wasm: $*" >&2; }

has_target() { compgen -G "$(rustc --print sysroot)/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null; }
add_target() { command -v rustup >/dev/null && timeout 180 rustup target add "$target" >&2; }

# Unpacks Debian's compiler and builds the standard library with it, from the sources that come with it, offline. Debian
# replaces these packages by newer ones: the folder is named by the version there is.
debian() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 3
  local version; version=$(apt-cache policy rustc-web | awk '/Candidate:/ { print $2 }')
  if [ -z "$version" ] || [ "$version" = "(none)" ]; then
    apt-get update -qq >&2 || return 3
    version=$(apt-cache policy rustc-web | awk '/Candidate:/ { print $2 }')
  fi
  [ -n "$version" ] && [ "$version" != "(none)" ] || return 3
  local base=$cache/rustc-web-$version series; series=$(cut -d. -f1,2 <<<"$version")
  local usr=$base/usr; local sources=$usr/lib/rustlib/src/rust
  if [ ! -e "$base/ready" ]; then
    say "building the standard library from rustc-web $version: some minutes, once"
    rm -rf "$base" && mkdir -p "$base/debs" "$base/seed/src"
    (
      cd "$base/debs"
      llvm=$(apt-cache show "libstd-rust-web-$series=$version" | grep -o 'libllvm[0-9]*' | sort -u | tail -n 1)
      apt-get download -qq "rustc-web=$version" "libstd-rust-web-dev=$version" "libstd-rust-web-$series=$version" \
        "rust-web-src=$version" "$llvm" "lld-${llvm#libllvm}"
      for deb in *.deb; do dpkg-deb -x "$deb" ..; done
    ) >&2 || return 3
    printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$base/seed/Cargo.toml"
    : >"$base/seed/src/lib.rs"
    # the crates that the standard library is made of come with it; bitcode stays in, for LTO
    (
      cd "$base/seed"
      RUSTC=$usr/bin/rustc LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu RUSTC_BOOTSTRAP=1 CARGO_HOME=$base/home \
        RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$sources=/rust" CARGO_TARGET_DIR=$base/target \
        cargo build --offline --release -Zbuild-std=std,panic_abort --target "$target" \
        --config 'source.crates-io.replace-with="v"' --config "source.v.directory=\"$sources/library/vendor\""
    ) >&2 || return 1
    mkdir -p "$usr/lib/rustlib/$target/lib"
    cp "$base/target/$target/release/deps/"*.rlib "$usr/lib/rustlib/$target/lib/"
    rm -rf "$usr/lib/rustlib/$target/lib/"libseed-* "$base/target" "$base/home" "$base/seed" "$base/debs"
    touch "$base/ready"
  fi
  export RUSTC=$usr/bin/rustc LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(compgen -G "$usr/bin/wasm-ld-*" | head -n 1)
  export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
}

build() {
  case $route in
    rustup) has_target || { say "$target is not installed: rustup target add $target"; return 3; } ;;
    debian) debian || return $? ;;
    auto) has_target || add_target || debian || return $? ;;
    *) say "TOOLGATE_WASM_ROUTE is auto, rustup or debian"; return 1 ;;
  esac
  say "with $("${RUSTC:-rustc}" -V)"
  # No path of this machine in the module; and a stack for the deepest policies that the engine reads: what it needs is
  # written in core/src/load/stack.rs.
  local sysroot hash
  sysroot=$("${RUSTC:-rustc}" --print sysroot) hash=$("${RUSTC:-rustc}" -vV | awk '/^commit-hash/ { print $2 }')
  RUSTFLAGS="-Clink-arg=-zstack-size=8388608 --remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$hash \
--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$CARGO_TARGET_DIR=/target --remap-path-prefix=$root=/toolgate" \
    cargo build --locked --profile wasm --target "$target" --manifest-path "$here/Cargo.toml" >&2
}

built=0; (build) || built=$?
if [ $built = 3 ]; then say "no way to compile for $target on this machine"; fi
[ $built = 0 ] || exit $built

cargo build --locked --release --manifest-path "$here/bindgen/Cargo.toml" --target-dir "$CARGO_TARGET_DIR/wasm-bindgen" >&2
out=$here/dist; rm -rf "$out"; mkdir -p "$out"
glue=$(mktemp -d); trap 'rm -rf "$glue"' EXIT
"$CARGO_TARGET_DIR/wasm-bindgen/release/toolgate-wasm-bindgen" "$CARGO_TARGET_DIR/$target/wasm/toolgate_wasm.wasm" "$glue"
cp "$glue/toolgate_bg.wasm" "$out/toolgate.wasm"
if [ "${TOOLGATE_WASM_OPT:-0}" = 1 ]; then
  npx --yes --package=binaryen@123 wasm-opt -O3 --all-features -o "$out/toolgate.wasm" "$glue/toolgate_bg.wasm"
fi
node "$here/js/assemble.js" "$glue/toolgate.js" "$out"
cp "$root/LICENSE" "$here/LICENSE"
say "dist/toolgate.wasm: $(wc -c <"$out/toolgate.wasm") bytes, $(gzip -9c "$out/toolgate.wasm" | wc -c) gzipped, sha256 $(sha256sum <"$out/toolgate.wasm" | cut -d' ' -f1)"
