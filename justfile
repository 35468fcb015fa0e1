# The front door to every task. `just` lists them.

_default:
    @just --list --unsorted

# Decide the example company's calls.
demo:
    cargo run -- decide policies/examples/acme --calls policies/examples/acme/calls.jsonl

# Every test, as CI and the README run them.
test:
    bash .ci/test

# Everything CI checks.
ci:
    bash .ci/run

# Format, then lint.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# The documentation, in a browser.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --open

# Fuzz every target for that many seconds; crashes land in fuzz/crashes and fail `just test` until mended.
fuzz seconds="600":
    bash fuzz/run.sh {{seconds}}

# Measure against a floor and raw Cedar; `just bench --quick`. See benches/README.md for the rest.
bench *args:
    cargo run --release --manifest-path benches/Cargo.toml --bin report -- {{args}}

# The slow tier: property tests with many cases, a million calls in each language, then fuzzing.
nightly cases="20000": (_properties cases) _memory (fuzz "600")

_properties cases:
    TOOLGATE_CASES={{cases}} cargo test --release -p toolgate --test properties

_memory:
    TOOLGATE_CALLS=1000000 bash bindings-python/test.sh
    TOOLGATE_CALLS=1000000 bash bindings-node/test.sh
    TOOLGATE_NIGHTLY=1 bash bindings-wasm/test.sh
