"""What a search tries: the candidates of the default first, then draws without an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from motadata_ml_server.worker.comparison import BOOSTING, Comparison
from motadata_ml_server.worker.losses import mean_curve

DRAW_STREAM: Final = 7
"""Candidates are drawn from a stream of their own, as folds are."""


@dataclass
class Trial:
    """One candidate: what it lost on each fold it has met."""

    family: str
    algorithm: str
    hyperparameters: dict[str, Any]
    losses: list[float] = field(default_factory=list)
    curves: list[Any] = field(default_factory=list)
    seconds: float = 0.0
    failure: str | None = None

    @property
    def loss(self) -> float:
        """The mean loss over the folds met so far."""
        if self.curves:
            return float(mean_curve(self.curves).min())
        return float(np.mean(self.losses)) if self.losses else float("inf")

    def forget(self) -> None:
        """Leave out what it lost: it failed on one of the folds."""
        self.losses.clear()
        self.curves.clear()


class Candidates:
    """Draws candidates, half of boosting's near the best so far.

    Parameters
    ----------
    base : Comparison
        The rows, and the families.
    words : str or None
        A feature that is free text: linear models alone are tried.
    seed : int or None
        Of the training.
    best : callable
        Returns the best so far.
    """

    def __init__(self, base: Comparison, words: str | None, seed: int | None, best: Callable[[], Trial | None]) -> None:
        self._base, self._words, self._seed, self._best = base, words, seed, best

    def __iter__(self) -> Iterator[Trial]:
        """Yield candidates: those of the default, then draws without an end."""
        base = self._base
        linear, boosting, forest = (base.entry(family).name for family in ("linear", "boosting", "forest"))
        trees = base.outputs <= 30 and self._words is None
        for strength in (0.3, 3.0, 0.03):
            yield Trial("linear", linear, base.linear(strength))
            if strength == 0.3 and self._words is None:
                for leaves in (8, 4, 24) if trees else ():
                    yield Trial("boosting", boosting, {**BOOSTING, "max_leaf_nodes": leaves})
                yield Trial("forest", forest, {"n_estimators": 100, "min_samples_leaf": 3, "max_features": 0.4})
        seed = self._seed
        draw = np.random.default_rng(None if seed is None else [seed, DRAW_STREAM])
        families = ["linear"] if self._words is not None else ["forest", "extra", "linear"]
        while True:
            family = str(draw.choice(families))
            if trees and draw.random() < 0.75:
                family = "boosting"
            if family == "linear":
                yield Trial("linear", linear, base.linear(float(f"{10 ** draw.uniform(-3, 2):.3g}")))
            elif family == "boosting":
                yield Trial("boosting", boosting, self._boosting(draw))
            else:
                name = forest if family == "forest" else forest.replace("RandomForest", "ExtraTrees")
                yield Trial("forest", name, self._forest(draw))

    def _boosting(self, draw: np.random.Generator) -> dict[str, Any]:
        """Draw hyperparameters of boosting, every other time near those of the best so far."""
        best = self._best()
        if best is not None and best.family == "boosting" and draw.random() < 0.5:
            near = dict(best.hyperparameters)
            near["max_leaf_nodes"] = int(np.clip(round(near["max_leaf_nodes"] * 2 ** draw.uniform(-0.7, 0.7)), 2, 128))
            near["learning_rate"] = float(f"{np.clip(near['learning_rate'] * 2 ** draw.uniform(-1, 1), 0.01, 0.3):.3g}")
            near["max_features"] = float(f"{np.clip(near['max_features'] * 2 ** draw.uniform(-0.7, 0.7), 0.1, 1):.3g}")
            near["min_samples_leaf"] = int(np.clip(round(near["min_samples_leaf"] * 2 ** draw.uniform(-1, 1)), 1, 100))
            return near
        return {
            "learning_rate": float(f"{10 ** draw.uniform(-1.7, -0.7):.3g}"),
            "l2_regularization": float(f"{10 ** draw.uniform(-2, 1.5):.3g}"),
            "max_features": float(f"{draw.uniform(0.2, 1.0):.3g}"),
            "min_samples_leaf": round(10 ** draw.uniform(0.3, 1.8)),
            "max_leaf_nodes": round(2 ** draw.uniform(1.6, 6.5)),
        }

    def _forest(self, draw: np.random.Generator) -> dict[str, Any]:
        return {
            "n_estimators": 200,
            "min_samples_leaf": round(10 ** draw.uniform(0, 1.2)),
            "max_features": float(f"{draw.uniform(0.15, 1.0):.3g}"),
        }
