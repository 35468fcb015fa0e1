#!/usr/bin/env bash
# Instructions of a full decision, counted exactly by callgrind: overall and by outcome.
#   benches/instructions.sh [POLICIES] [TOOLS] [GRANTS] [CALLS]
set -euo pipefail
cd "$(dirname "$0")"
policies=${1:-1000} tools=${2:-1000} grants=${3:-100000} calls=${4:-1024}

cargo build --release --quiet --bin instructions 2> >(grep -E "^error" -A9 >&2 || true)
program=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/instructions
counted=$(mktemp)
trap 'rm -f "$counted"' EXIT
# Not instrumented until the program says so; collected only inside the marks.
atstart=no
[ "$(uname -m)" = x86_64 ] || atstart=yes
valgrind --tool=callgrind --instr-atstart=$atstart --collect-atstart=no --toggle-collect='decide_marker_*' \
    --callgrind-out-file="$counted" "$program" "$policies" "$tools" "$grants" "$calls" 2>"$counted.log" \
    || { cat "$counted.log" >&2; rm -f "$counted.log"; exit 2; }
rm -f "$counted.log"

# The marks are called from `main` alone: each call's line says how often, the one after it the inclusive cost.
echo "$policies policies, $tools tools, $grants grants, $calls calls; instructions a decision"
awk '
    # names are compressed: (number) name the first time, (number) from then on
    match($0, /^c?fn=\([0-9]+\)/) {
        kind = substr($0, 1, index($0, "=") - 1)
        number = substr($0, index($0, "("), index($0, ")") - index($0, "(") + 1)
        rest = substr($0, index($0, ")") + 2)
        if (rest != "") name[number] = rest
        if (kind == "cfn") callee = name[number]
        next
    }
    /^calls=/ { split($0, part, /[= ]/); times = part[2]; getline
        if (callee ~ /^decide_marker_/) { split($0, cost, " "); count[callee] += times; sum[callee] += cost[2] }
    }
    END {
        for (mark in count) { total += sum[mark]; decisions += count[mark]
            outcome = mark; sub(/^decide_marker_/, "", outcome)
            printf "%-16s %12.1f   (%d decisions)\n", outcome, sum[mark] / count[mark], count[mark] | "sort" }
        close("sort")
        if (decisions == 0) { print "nothing was counted" > "/dev/stderr"; exit 2 }
        printf "%-16s %12.1f   (%d decisions)\n", "all", total / decisions, decisions
    }' "$counted"
