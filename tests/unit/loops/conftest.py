"""Both forms of the hot loops: every test of this folder that asks for `form` runs on each that is installed."""

from __future__ import annotations

from typing import Any

import pytest

from motadata_ml_server import _native, loops

FORMS = [("numpy", loops), *([] if _native.compiled is None else [("compiled", _native.compiled)])]


@pytest.fixture(params=[form for _, form in FORMS], ids=[name for name, _ in FORMS])
def form(request: pytest.FixtureRequest) -> Any:
    """One form of the loops."""
    return request.param


@pytest.fixture
def compiled() -> Any:
    """The compiled form."""
    if _native.compiled is None:
        pytest.skip("motadata_ml_native is not installed: MOTADATA_ML_PURE=1, or `make native` was not run")
    return _native.compiled
