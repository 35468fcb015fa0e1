#!/usr/bin/env bash
# Debian's rustc-web, unpacked (not installed) into a folder, and the standard library for WebAssembly built with it from
# the sources that come with it, offline: some minutes, once. Prints that folder.
#
# Exit 0 it is there, 1 failed, 3 this machine has no such packages.
set -euo pipefail
cache=$1 target=wasm32-unknown-unknown

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || exit 3
candidate() { apt-cache policy "$1" | awk '/Candidate:/ && $2 != "(none)" { print $2 }'; }
version=$(candidate rustc-web)
if [ -z "$version" ]; then
  apt-get update -qq >&2 || exit 3
  version=$(candidate rustc-web)
fi
[ -n "$version" ] || exit 3
# Debian replaces these packages by newer ones: the folder is named by the version there is
base=$cache/rustc-web-$version usr=$cache/rustc-web-$version/usr series=$(cut -d. -f1,2 <<<"$version")
sources=$usr/lib/rustlib/src/rust
if [ -e "$base/ready" ]; then
  echo "$usr"
  exit
fi

echo "toolgate-wasm: building the standard library with rustc-web $version: some minutes, once" >&2
rm -rf "$base"
mkdir -p "$base/debs" "$base/seed/src"
cd "$base/debs"
llvm=$(apt-cache show "libstd-rust-web-$series=$version" | grep -o 'libllvm[0-9]*' | sort -u | tail -n 1)
apt-get download -qq "rustc-web=$version" "libstd-rust-web-dev=$version" "libstd-rust-web-$series=$version" \
  "rust-web-src=$version" "$llvm" "lld-${llvm#libllvm}" >&2 || exit 3
for deb in *.deb; do dpkg-deb -x "$deb" ..; done

cd "$base/seed"
printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >Cargo.toml
: >src/lib.rs
# bitcode stays in, for LTO; the crates that the standard library is made of come with its sources
RUSTC=$usr/bin/rustc LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu RUSTC_BOOTSTRAP=1 CARGO_HOME=$base/home \
  RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$sources=/rust" CARGO_TARGET_DIR=$base/target \
  cargo build --offline --release -Zbuild-std=std,panic_abort --target "$target" \
  --config 'source.crates-io.replace-with="v"' --config "source.v.directory=\"$sources/library/vendor\"" >&2
mkdir -p "$usr/lib/rustlib/$target/lib"
cp "$base/target/$target/release/deps/"*.rlib "$usr/lib/rustlib/$target/lib/"
rm -f "$usr/lib/rustlib/$target/lib/"libseed-*
cd "$base"
rm -rf target home seed debs
touch ready
echo "$usr"
