"""What the tests share. They run against the installed package, from wherever it is."""

import json
import os
from pathlib import Path
from typing import Any, Dict

import pytest

import toolgate

REPOSITORY = Path(__file__).resolve().parents[2]
CONFORMANCE = REPOSITORY / "policies" / "conformance"
ACME = REPOSITORY / "policies" / "examples" / "acme"

NOW = "2026-11-20T10:00:00Z"
SUBJECT = {"user": "alice", "client": "cc"}


def pytest_report_header() -> str:
    return f"toolgate from {os.path.dirname(toolgate.__file__)}"


def sources(bundle: str) -> Dict[str, Any]:
    text = (CONFORMANCE / "bundles" / f"{bundle}.json").read_text(encoding="utf-8")
    loaded: Dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(scope="session")
def company() -> toolgate.Engine:
    return toolgate.Engine(**sources("company"))


@pytest.fixture(scope="session")
def types() -> toolgate.Engine:
    return toolgate.Engine(**sources("types"))
