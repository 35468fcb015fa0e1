#!/usr/bin/env bash
# Builds the wheel, installs it outside the repository and tests it. `PYTHON=python3.13 bash test.sh` for another Python;
# everything that is made lies in the target folder. `TOOLGATE_CALLS=1000000` makes the memory test a long one.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/../target}
python=${PYTHON:-python3}
has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }
# brings Python itself as well
if ! has_venv && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null || true
fi
command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' ||
  { echo "SKIPPED bindings-python: there is no Python 3.9 or later" >&2; exit 0; }
has_venv ||
  { echo "SKIPPED bindings-python: Python has no venv (on Debian: apt-get install python3-venv)" >&2; exit 0; }
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

tools=$target/python/tools-$version
[ -x "$tools/bin/python" ] || "$python" -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check \
  'maturin>=1.9.4,<2' 'mypy>=1.18,<3' 'pytest>=8,<10'

wheels=$target/python/wheels
rm -rf "$wheels"
CARGO_TARGET_DIR=$target "$tools/bin/maturin" build --quiet --locked --profile "${PROFILE:-dev}" --interpreter "$tools/bin/python" --out "$wheels" "$@"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --force-reinstall --no-deps "$wheels"/*.whl

# an empty environment, elsewhere
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
"$python" -m venv "$elsewhere/venv"
"$elsewhere/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-index "$wheels"/*.whl
cp tests/smoke.py "$elsewhere"
bundle=$PWD/../policies/examples/acme
(cd "$elsewhere" && venv/bin/python smoke.py "$bundle" && venv/bin/toolgate check "$bundle" >/dev/null)

exec "$tools/bin/python" -m pytest -p no:cacheprovider tests
