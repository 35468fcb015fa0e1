#!/usr/bin/env bash
# Fuzzes every target for so many seconds each (60 if not given), on the stable toolchain.
# New crashes go to fuzz/crashes/<target>/, where `cargo test` replays them. Exits with 1 if there was one.
# TARGETS="reader decide" runs only those. FUZZ_SANITIZER=address watches the unsafe code of the dependencies too (there
# is none in toolgate) and is many times slower, so that it is given more time for one input.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
targets=${TARGETS:-reader tools_list snapshot decide}
sanitizer=${FUZZ_SANITIZER:-none}
timeout=5
if [ "$sanitizer" = address ]; then timeout=60; fi
export RUSTC_BOOTSTRAP=1 # cargo-fuzz needs -Z flags, and there may be no nightly toolchain
declare -A max_len=([reader]=4096 [tools_list]=8192 [snapshot]=16384 [decide]=4096)

cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --version 0.13.2

# Real catalogs are nobody's to commit: they serve as seeds where they are at hand.
mkdir -p fuzz/work/real
if [ -d ../shared/catalogs ]; then cp ../shared/catalogs/*.json fuzz/work/real/; fi

failed=0
summary=""
for target in $targets; do
  work=fuzz/work/$target
  artifacts=fuzz/artifacts/$target
  mkdir -p "$work" "fuzz/crashes/$target"
  rm -rf "$artifacts"
  seeds=("$work" "fuzz/corpus/$target") # what is found goes to the first
  if [ "$target" = tools_list ]; then seeds+=(fuzz/work/real); fi

  status=0
  cargo fuzz run --sanitizer "$sanitizer" --target-dir "fuzz/target/$sanitizer" "$target" "${seeds[@]}" -- \
    -max_total_time="$seconds" -max_len="${max_len[$target]}" -dict="fuzz/dict/$target.dict" \
    -timeout="$timeout" -rss_limit_mb=1024 -print_final_stats=1 >"fuzz/work/$target.log" 2>&1 || status=$?

  crashes=0
  for file in "$artifacts"/{crash,timeout,oom,leak}-*; do
    [ -e "$file" ] || continue
    cp "$file" "fuzz/crashes/$target/"
    crashes=$((crashes + 1))
  done
  stat() { grep "stat::$1" "fuzz/work/$target.log" | tail -1 | tr -dc '0-9'; }
  summary+=$(printf '%-12s %10s executions %7s/s %5s MiB %3s crashes' "$target" "$(stat number_of_executed_units || echo '?')" \
    "$(stat average_exec_per_sec || echo '?')" "$(stat peak_rss_mb || echo '?')" "$crashes")$'\n'
  if [ "$status" -ne 0 ]; then
    failed=1
    grep -a -m1 -A4 'panicked at\|^==.*ERROR' "fuzz/work/$target.log" || tail -40 "fuzz/work/$target.log"
  fi
done

printf '\n%s' "$summary"
exit $failed
