"""What a worker hands over, as it is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from motadata_ml_server.models import store
from motadata_ml_server.models.artifacts import StoredArtifact
from motadata_ml_server.training.messages import ModelReport
from motadata_ml_server.training.protocol import MemoryFile


def trials_of(model: ModelReport) -> list[store.Trial]:
    """Return the candidates of a search, numbered, as they are stored."""
    return [
        store.Trial(
            number,
            trial.get("hyperparameters", {}),
            trial.get("score"),
            {name: value for name, value in trial.items() if name not in ("hyperparameters", "score")},
        )
        for number, trial in enumerate(model.trials, 1)
    ]


def artifacts_of(listed: Sequence[Sequence[Any]], file: MemoryFile) -> list[StoredArtifact]:
    """Return the artifacts that lie one after another in a worker's file, each read when it is stored."""
    artifacts = []
    offset = 0
    for kind, size, digest in listed:
        artifacts.append(StoredArtifact(kind, digest, size, _reader(file, offset)))
        offset += size
    return artifacts


def _reader(file: MemoryFile, base: int) -> Callable[[int, int], bytes]:
    return lambda start, count: file.read(base + start, count)
