"""docs/licences.md is what the packages say, and nothing in it is outside the list of allowed licences."""

from __future__ import annotations

import pytest

from tools.supply import licences, locks


def test_the_page_is_current() -> None:
    assert licences.PAGE.read_text(encoding="utf-8") == licences.page(), "run `make licences`"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("server", licences.ALLOWED),
        ("serving", licences.ALLOWED),
        ("build", licences.ALLOWED_WHILE_BUILDING),
    ],
)
def test_every_licence_is_allowed(name: str, allowed: set[str]) -> None:
    found = {package: licences.terms(licences.licence(package)) for package in locks.read(name)}
    assert all(found.values())
    assert {package: names - allowed for package, names in found.items() if names - allowed} == {}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("MIT", {"MIT"}),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", {"MIT", "GPL-3.0-only", "Apache-2.0"}),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", {"GPL-3.0-or-later WITH GCC-exception-3.1"}),
    ],
)
def test_terms_of_an_expression(expression: str, names: set[str]) -> None:
    assert licences.terms(expression) == names


def test_copyleft_is_not_allowed() -> None:
    for name in ("GPL-2.0-only", "GPL-3.0-or-later", "AGPL-3.0-only", "SSPL-1.0", "MPL-2.0"):
        assert name not in licences.ALLOWED
