"""Memory stays where it is, whatever is decided. `TOOLGATE_CALLS` says how often: 1,000,000 in the nightly tier."""

import gc
import json
import os

import pytest
from conftest import NOW, SUBJECT

from toolgate import Engine, ToolgateError

CALLS = int(os.environ.get("TOOLGATE_CALLS", "40000"))
MIB = 1024 * 1024


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is only read on Linux")
def test_memory_does_not_drift(company: Engine) -> None:
    call = json.dumps({"subject": SUBJECT, "tool": "crm/find", "arguments": {"query": "acme"}, "now": NOW})

    def some(calls: int) -> None:
        for number in range(calls // 4):
            company.decide_json(call)
            decision = company.decide(subject=SUBJECT, tool="crm/update", arguments={"id": str(number)}, now=NOW)
            assert decision.approval_request is not None
            company.decide(subject=SUBJECT, tool="crm/find", arguments='{"query":1,"query":2}', now=NOW)
            try:
                company.decide(subject=SUBJECT, tool="crm/find", arguments={"query": float("nan")}, now=NOW)
            except ToolgateError:
                pass

    some(CALLS // 10)
    gc.collect()
    before = resident()
    some(CALLS)
    gc.collect()
    drift = resident() - before
    assert drift <= 2 * MIB, f"{drift / MIB:.2f} MiB after {CALLS} calls"
