"""The `toolgate` command that comes with the wheel."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import List

from conftest import ACME


def run(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(args, capture_output=True, text=True, check=False)


def test_the_command_is_installed() -> None:
    script = Path(sysconfig.get_path("scripts")) / "toolgate"
    ways: List[List[str]] = [[str(script)], [sys.executable, "-m", "toolgate"]]
    for way in ways:
        version = run(*way, "--version")
        assert version.returncode == 0 and version.stdout.startswith("toolgate "), version
        decided = run(*way, "decide", str(ACME), "--calls", str(ACME / "calls.jsonl"), "--json")
        assert decided.returncode == 0 and decided.stdout.startswith('{"outcome":'), decided
        assert run(*way, "check", str(ACME / "nowhere")).returncode == 2
        assert run(*way).returncode == 2
