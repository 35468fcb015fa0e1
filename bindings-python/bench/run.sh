#!/usr/bin/env bash
# Measures the wheel, built for release, beside its peers. `PYTHON=python3.13` chooses another Python; `FEATURES=py311`
# the wheel for 3.11 and later.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/../../target}
python=${PYTHON:-python3}
venv=$target/python/bench-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'maturin>=1.9.4,<2' -r requirements.txt
wheels=$target/python/release-wheels
rm -rf "$wheels"
CARGO_TARGET_DIR=$target "$venv/bin/maturin" build --quiet --locked --release --interpreter "$venv/bin/python" \
  --manifest-path ../Cargo.toml --no-default-features --features "${FEATURES:-py39}" --out "$wheels"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --force-reinstall --no-deps "$wheels"/*.whl
exec "$venv/bin/python" bench.py
