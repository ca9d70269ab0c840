"""The lock files pin, with hashes, what pyproject.toml asks for and everything that needs."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.supply import locks


def asked(name: str) -> list[Requirement]:
    """Return what pyproject.toml asks for in an image; what builds it builds the compiled loops too."""
    read: dict[str, Any] = tomllib.loads((locks.ROOT / "pyproject.toml").read_text())
    if name == "build":
        loops = tomllib.loads((locks.ROOT / "plpython" / "motadata_ml_native" / "pyproject.toml").read_text())
        return [Requirement(text) for each in (read, loops) for text in each["build-system"]["requires"]]
    project = read["project"]
    return [Requirement(text) for text in [*project["dependencies"], *project["optional-dependencies"][name]]]


@pytest.mark.parametrize("name", locks.IMAGES)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    pins = locks.read(name)
    assert len(pins) >= len(asked(name))
    assert [pin.name for pin in pins.values() if not pin.hashes] == []


@pytest.mark.parametrize("name", locks.IMAGES)
def test_every_requirement_is_locked_within_its_range(name: str) -> None:
    pins = locks.read(name)
    outside = [
        str(requirement)
        for requirement in asked(name)
        if (pin := pins.get(canonicalize_name(requirement.name))) is None or pin.version not in requirement.specifier
    ]
    assert outside == []


@pytest.mark.parametrize("name", locks.IMAGES)
def test_what_packages_need_is_locked_and_nothing_else(name: str) -> None:
    pins = locks.read(name)
    needed: dict[str, set[str]] = {}
    todo = asked(name)
    while todo:
        requirement = todo.pop()
        package = canonicalize_name(requirement.name)
        extras = {"", *requirement.extras}
        if extras <= needed.get(package, set()):
            continue
        needed[package] = needed.get(package, set()) | extras
        todo += [
            need
            for need in map(Requirement, metadata.requires(package) or [])
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    assert sorted(pins) == sorted(needed)


def test_the_images_agree_on_versions() -> None:
    server, serving = locks.read("server"), locks.read("serving")
    shared = set(server) & set(serving)
    assert "numpy" in shared
    assert {name for name in shared if server[name] != serving[name]} == set()


@pytest.mark.parametrize(
    "text",
    ["numpy>=2\n", "numpy\n", "-e .\n", "--index-url https://example.com\n", "numpy @ https://example.com/n.whl\n"],
)
def test_a_line_that_pins_nothing_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"joblib==1.0 --hash=sha256:{'a' * 64}\n{text}")
    monkeypatch.setattr(locks, "path", lambda _: lock)
    with pytest.raises(ValueError, match="pins no version"):
        locks.read("server")


def test_a_broken_hash_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"joblib==1.0 \\\n    --hash=sha256:{'a' * 63}\nnumpy==2.0 \\\n    --hash=sha256:{'b' * 64}\n")
    monkeypatch.setattr(locks, "path", lambda _: lock)
    assert [pin.hashes for pin in locks.read("server").values()] == [(), ("b" * 64,)]
