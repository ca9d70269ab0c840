"""The server is stopped while it trains."""

from __future__ import annotations

import time

import pytest

from tests.faults.conftest import LONG, Background, Estate, said
from tests.processes import runs, wait_for


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_shutdown_ends_a_training_with_its_worker(estate: Estate, mode: str) -> None:
    background = Background(estate.connect(), LONG)
    worker = background.worker()
    started = time.monotonic()
    estate.cluster.stop(mode)
    assert time.monotonic() - started < 5
    wait_for(lambda: not runs(worker), 2)
    assert said(background.join()) in ("57P01", "57P02", "connection lost")
    estate.cluster.start()
    estate.check()
