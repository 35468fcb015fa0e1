"""The types: strict, and what is there at run time."""

import subprocess
import sys
from pathlib import Path

import pytest


pytestmark = pytest.mark.skipif(sys.version_info < (3, 10), reason="mypy needs a later Python; the types are the same")

USE = '''
from datetime import timedelta
from typing import Optional
from toolgate import Decision, Engine, Live, Outcome, Reason

def act(engine: Engine) -> Optional[timedelta]:
    decision: Decision = engine.decide(subject={"user": "a", "client": "b"}, tool="c/d", arguments={"x": 1})
    outcome: Outcome = decision.outcome
    reason: Reason = decision.reason
    if decision.allowed and outcome is Outcome.AUTO_APPROVE:
        return None
    request = decision.approval_request
    Live(engine).apply({"version": 2})
    return request.valid_for if request is not None else None
'''
WRONG = '''
from toolgate import Engine
def act(engine: Engine) -> bool:
    return engine.decide(subject={}, tool="c/d", argumants={}).outcome
'''


def run(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *args], capture_output=True, text=True, check=False)


def test_the_package_and_its_users_are_strictly_typed(tmp_path: Path) -> None:
    checked = run("mypy", "--strict", "-p", "toolgate")
    assert checked.returncode == 0, checked.stdout
    use, wrong = tmp_path / "use.py", tmp_path / "wrong.py"
    use.write_text(USE)
    wrong.write_text(WRONG)
    good, bad = run("mypy", "--strict", str(use)), run("mypy", "--strict", str(wrong))
    assert good.returncode == 0, good.stdout
    assert bad.returncode == 1 and "argumants" in bad.stdout and "Outcome" in bad.stdout, bad.stdout


def test_the_stubs_say_what_is_there(tmp_path: Path) -> None:
    # typeshed and `enum` differ on how a member of a `str` enum is made
    allowed = tmp_path / "allowed"
    allowed.write_text("toolgate\\._enums\\..*\\.__new__\n")
    checked = run("mypy.stubtest", "toolgate", "--allowlist", str(allowed), "--ignore-unused-allowlist", "--concise")
    assert checked.returncode == 0, checked.stdout + checked.stderr
