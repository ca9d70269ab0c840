"""Building the compiled loops."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from motadata_ml._version import __version__
from motadata_ml.install import SetupError, native

SOURCE = Path(__file__).parents[3] / "plpython" / "motadata_ml_native"


def test_one_wheel_suits_every_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native.PURE, raising=False)
    if native.missing_packages():
        pytest.skip(f"no compiler here: {', '.join(native.missing_packages())} missing")
    before = sorted(SOURCE.rglob("*"))
    assert native.build(SOURCE, wheel=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert "-cp311-abi3-linux" in wheel.name
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert {"motadata_ml_native/_loops.abi3.so", "motadata_ml_native/py.typed"} <= set(names)
    assert any(name.endswith("/LICENSE") for name in names)
    assert sorted(SOURCE.rglob("*")) == before


def test_licence_is_the_projects() -> None:
    assert (SOURCE / "LICENSE").read_text() == (SOURCE.parents[1] / "LICENSE").read_text()


def test_build_without_a_compiler_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native.PURE, raising=False)
    monkeypatch.setattr(native, "missing_packages", lambda: ["gcc", "python3-dev"])
    with pytest.raises(SetupError, match="missing: gcc, python3-dev") as caught:
        native.build(SOURCE)
    assert caught.value.remedy == "sudo apt-get install gcc python3-dev"


def test_folder_that_is_another_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native.PURE, raising=False)
    with pytest.raises(SetupError, match=f"{tmp_path} is not the folder of motadata-ml-native"):
        native.build(tmp_path)


def test_pure_build_removes_what_an_earlier_one_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setenv(native.PURE, "1")
    monkeypatch.setattr(native, "_version", lambda: "0.0.1")
    monkeypatch.setattr(native, "_run", lambda command, remedy: commands.append(command))
    assert not native.build(SOURCE)
    assert commands == [[sys.executable, "-m", "pip", "uninstall", "-q", "-y", "motadata-ml-native"]]


def test_installing_without_a_compiler_goes_on_and_says_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(source: Path, packages: bool) -> bool:
        raise SetupError("missing: gcc", remedy="sudo apt-get install gcc")

    monkeypatch.setattr(native, "_version", lambda: None)
    monkeypatch.setattr(native, "build", build)
    said = native.settle()
    assert said == f"did not build the compiled loops: missing: gcc\n{native.WITHOUT}. sudo apt-get install gcc"


def test_installing_leaves_loops_of_this_version_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native.PURE, raising=False)
    monkeypatch.setattr(native, "_version", lambda: __version__)
    monkeypatch.setattr(native, "build", lambda source, packages: pytest.fail("built once more"))
    assert native.settle() == f"the compiled loops are installed, version {__version__}"


def test_the_package_ships_the_sources_of_the_loops() -> None:
    assert (native.sources() / "pyproject.toml").is_file()
    assert list((native.sources() / "c").glob("*.c"))


@pytest.mark.parametrize("broken", ["raise ImportError", "INTERFACE = 0"])
def test_loops_that_do_not_fit_are_passed_over(tmp_path: Path, broken: str) -> None:
    package = tmp_path / "motadata_ml_native"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_loops.py").write_text(broken)
    paths = [str(tmp_path), str(SOURCE.parent)]
    program = f"import sys; sys.path[:0] = {paths!r}; from motadata_ml_server import _native; print(_native.loops())"
    answer = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=True).stdout
    assert "motadata_ml_server" in answer
    assert "_loops" not in answer
