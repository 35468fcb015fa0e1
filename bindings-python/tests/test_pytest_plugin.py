"""The suites of a bundle are tests of pytest."""

import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ACME


def run(*args: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_the_suites_of_a_bundle_run(tmp_path: Path) -> None:
    bundle = tmp_path / "acme"
    shutil.copytree(ACME, bundle)
    (tmp_path / "other.yaml").write_text("no: suite\n")
    passed = run(".", cwd=tmp_path)
    assert passed.returncode == 0, passed.stdout
    assert "acme/tests/reads.yaml::" in passed.stdout and "other.yaml" not in passed.stdout
    count = passed.stdout.count(" PASSED ")
    assert count >= 20, passed.stdout

    one = run("acme/tests/reads.yaml", cwd=tmp_path)
    assert one.returncode == 0 and 0 < one.stdout.count(" PASSED ") < count

    reads = bundle / "policies" / "reads.cedar"
    reads.write_text(reads.read_text(encoding="utf-8").replace("&& !resource.sensitive", "&& resource.sensitive"))
    failed = run(".", cwd=tmp_path)
    assert failed.returncode == 1 and " FAILED " in failed.stdout, failed.stdout
    assert "auto_approve" in failed.stdout and "reads.yaml:" in failed.stdout

    reads.write_text("permit")
    broken = run(".", cwd=tmp_path)
    assert broken.returncode not in (0, 1, 5) and "reads.cedar" in broken.stdout, broken.stdout
