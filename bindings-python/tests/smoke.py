"""What an installed wheel must be able to do, with nothing but the standard library. Run by `test.sh` elsewhere."""

import json
import sys
from pathlib import Path

import toolgate

assert "bindings-python" not in Path(toolgate.__file__).parts, toolgate.__file__
bundle = Path(sys.argv[1])
engine = toolgate.Engine.from_bundle(bundle)
outcomes = set()
for line in (bundle / "calls.jsonl").read_text(encoding="utf-8").splitlines():
    call = json.loads(line)
    decision = engine.decide(**call)
    assert decision == engine.decide_json(line)
    outcomes.add(decision.outcome)
assert outcomes == set(toolgate.Outcome), outcomes
try:
    engine.decide(subject={}, tool="a/b", arguments={"x": float("nan")})
except toolgate.CallError as error:
    assert "NaN" in str(error)
else:
    raise AssertionError("NaN was decided on")
print(f"toolgate on {sys.version.split()[0]}: {len(outcomes)} outcomes")
