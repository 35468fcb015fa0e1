"""A bundle's suites as tests of pytest: `pytest acme` runs `acme/tests/*.yaml` beside everything else.

A file is a suite if a folder above it holds `toolgate.toml` and the bundle names it. The cases are run by the same
runner as `toolgate test`, once a bundle.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import pytest

_RESULTS = pytest.StashKey[Dict[Path, Union[List[Dict[str, Any]], str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RESULTS] = {}


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Optional[pytest.Collector]:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    bundle = next((folder for folder in file_path.parents if (folder / "toolgate.toml").is_file()), None)
    if bundle is None:
        return None
    suite: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    suite.bundle = bundle
    return suite


class SuiteFile(pytest.File):
    """A file of cases."""

    bundle: Path

    def collect(self) -> Iterator[pytest.Item]:
        results = self.config.stash[_RESULTS]
        if self.bundle not in results:
            results[self.bundle] = _run(self.bundle)
        ran = results[self.bundle]
        if isinstance(ran, str):
            raise self.CollectError(ran)
        for case in ran:
            if os.path.samefile(case["file"], self.path):
                item: Case = Case.from_parent(self, name=f"{case['suite']}: {case['case']}")
                item.result = case
                yield item


class Case(pytest.Item):
    """One case, which has been run with its bundle."""

    result: Dict[str, Any]

    def runtest(self) -> None:
        if self.result["status"] == "skipped":
            pytest.skip(self.result["message"] or "skipped")
        if self.result["status"] != "passed":
            raise CaseFailed(_said(self.result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> Tuple[Path, int, str]:
        return self.path, max(int(self.result["line"]) - 1, 0), self.name


class CaseFailed(Exception):
    """A case's answer is not what it expects."""


def _run(bundle: Path) -> Union[List[Dict[str, Any]], str]:
    command = [sys.executable, "-m", "toolgate", "test", str(bundle), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if ran.returncode not in (0, 1):
        return ran.stderr or f"`{' '.join(command)}` ended with {ran.returncode}"
    lines = [json.loads(line) for line in ran.stdout.split("\n") if line]
    return [line for line in lines if "case" in line]


def _said(result: Dict[str, Any]) -> str:
    lines = [f"{result['file']}:{result['line']}: {result['case']}"]
    asked = [f"{name} {result[name]}" for name in ("subject", "target", "now") if result.get(name)]
    lines.append("  " + ", ".join(asked))
    if result.get("message"):
        lines.append(f"  {result['message']}")
    for mismatch in result["mismatches"]:
        lines.append("  " + ", ".join(f"{name}: {_shown(value)}" for name, value in mismatch.items()))
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
