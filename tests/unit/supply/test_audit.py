"""The audit never takes silence for an answer."""

from __future__ import annotations

from typing import Any

import pytest

from tools.supply import audit, locks

SKIPPED = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.4.6)"}
SOUND = {"name": "joblib", "version": "1.6.0", "vulns": []}
VULNERABLE = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"], "aliases": [], "description": "..."}],
}


@pytest.mark.parametrize(
    ("packages", "status"),
    [
        ([SOUND], 0),
        ([SOUND, SKIPPED], 3),
        ([SKIPPED], 3),
        ([SOUND, VULNERABLE], 1),
        ([SKIPPED, VULNERABLE], 1),
    ],
)
def test_status_of_a_report(packages: list[dict[str, Any]], status: int) -> None:
    verdict = audit.read({"dependencies": packages, "fixes": []})
    assert verdict.status == status
    assert verdict.audited + len(verdict.unknown) == len(packages)


def test_a_vulnerability_is_named_with_its_remedy() -> None:
    verdict = audit.read({"dependencies": [VULNERABLE], "fixes": []})
    assert verdict.vulnerable == ("jinja2 2.4.1: PYSEC-2014-8, fixed in 2.7.2",)


def test_without_a_network_it_says_that_nothing_was_audited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locks, "IMAGES", {"build": "only while building"})
    assert audit.main() == 3
    said = capsys.readouterr().out
    assert f"0 of {len(locks.read('build'))} packages audited" in said
    assert "NOT AUDITED" in said
    assert "hatchling" in said
