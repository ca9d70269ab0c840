"""Slots of the shared counters: who counts much of one kind leaves room for the other."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from motadata_ml_server.postgres import shared_counters
from motadata_ml_server.postgres.shared_counters import PREDICTIONS, SECONDS, SLOTS, TRAINING, Region


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Region:
    """Return a region in memory of its own, whose slots all seem to belong to living processes."""
    monkeypatch.setattr(shared_counters, "FILE", tmp_path / "counters")
    monkeypatch.setattr(shared_counters, "_may_take", lambda *_: False)
    made = object.__new__(Region)
    made._database = 5
    made._memory = mmap.mmap(-1, (SLOTS + 1) * 64)
    return made


def taken(region: Region, kind: int) -> int:
    """Take slots of a kind until none is shared any more; return how many were."""
    assert region._memory is not None
    words = region._words(region._memory)
    subject = 0
    while region._place(words, kind, subject) is not None:
        subject += 1
    return subject


def test_training_is_counted_when_predictions_have_taken_every_slot_they_can(region: Region) -> None:
    assert taken(region, PREDICTIONS) >= SLOTS // 2
    region.take(PREDICTIONS, 2**40).real[SECONDS] = 1.0
    assert not (region.slots(PREDICTIONS)[:, SECONDS] != 0).any()
    region.take(TRAINING, 7).real[SECONDS] = 1.0
    assert (region.slots(TRAINING)[:, SECONDS] != 0).sum() == 1


def test_training_takes_the_slots_that_are_its_own_first(region: Region) -> None:
    for subject in range(20):
        region.take(TRAINING, subject)
    assert taken(region, PREDICTIONS) == SLOTS - shared_counters.RESERVED
