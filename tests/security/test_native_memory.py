"""The compiled loops, built with AddressSanitizer and UndefinedBehaviorSanitizer, on random and damaged arrays.

MOTADATA_ML_FUZZ_EXAMPLES sets how many of each kind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from motadata_ml.install.native import missing_packages

CHECKOUT = Path(__file__).parents[2]
SOURCE = CHECKOUT / "plpython" / "motadata_ml_native"
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g"


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Build the loops with sanitizers; the environment of a process that uses them."""
    missing = missing_packages()
    if missing:
        pytest.skip(f"no compiler here: {', '.join(missing)} missing")
    folder = tmp_path_factory.mktemp("sanitized")
    copied, built = folder / "source", folder / "built"
    shutil.copytree(SOURCE, copied)
    shutil.copytree(SOURCE / "src", built)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", built, "--build-temp", folder / "objects"],
        cwd=copied,
        env={**os.environ, "CFLAGS": SANITIZE, "LDFLAGS": SANITIZE},
        check=True,
    )
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return {
        **os.environ,
        "LD_PRELOAD": library.stdout.strip(),
        # Python keeps what it allocates until its end; calloc of too much has to answer as without sanitizers
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:halt_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (built, CHECKOUT, CHECKOUT / "plpython", CHECKOUT / "pyclient"))),
    }


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False
    )


def test_damaged_arrays_never_leave_the_loops_own_memory(sanitized: dict[str, str]) -> None:
    done = run(sanitized, "-m", "tests.security.native_fuzz")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert str(sanitized["PYTHONPATH"]).split(os.pathsep)[0] in done.stdout
    assert done.stdout.split()[-1] == "fuzz_strings"


@pytest.mark.no_attack
def test_sanitizers_see_what_they_are_there_for(sanitized: dict[str, str]) -> None:
    program = "import ctypes; libc = ctypes.CDLL(None); at = libc.malloc; at.restype = ctypes.c_void_p; p = at(8)"
    done = run(sanitized, "-c", f"{program}; libc.memset(ctypes.c_void_p(p), 1, ctypes.c_size_t(9))")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


@pytest.mark.no_attack
def test_loops_pass_their_own_tests_with_sanitizers(sanitized: dict[str, str]) -> None:
    chosen = "compiled and not scikit and not lightgbm and not xgboost"
    options = ("-q", "-x", "-p", "no:cacheprovider", "-W", "default", "-k", chosen)
    done = run(sanitized, "-m", "pytest", *options, "tests/unit/loops")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
