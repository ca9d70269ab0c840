"""What a search scores its trials by: scikit-learn's names and ours, with the obvious meaning for several classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from motadata_ml_server.errors import InvalidArgumentError

OURS: Final = {
    "f1_score": "f1_weighted",
    "mcc": "matthews_corrcoef",
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "mape": "neg_mean_absolute_percentage_error",
    "median_absolute_error": "neg_median_absolute_error",
}
"""Names of ``metrics`` that scikit-learn knows by others; what is better when lower has its sign turned."""

SEVERAL: Final = {
    "f1": "f1_macro",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "jaccard": "jaccard_macro",
    "roc_auc": "roc_auc_ovr",
}
"""What scorers of two classes mean for more: each class alike, each against the rest."""

_POSITIVE: Final = ("f1", "precision", "recall", "jaccard")

Scorer = Callable[[Any, Any, Any], float]


def scorer(name: Any, classes: int | None, positive: int | None) -> str | Scorer | None:
    """Return what a search takes as its scoring.

    Parameters
    ----------
    name : str or None
        As asked for; None is the estimator's own: accuracy or r2.
    classes : int or None
        How many classes the target has, None where it is no label.
    positive : int or None
        The positive one of two.

    Raises
    ------
    InvalidArgumentError
        ML009: no such scorer.
    """
    from sklearn.metrics import get_scorer, get_scorer_names

    if name is None:
        return None
    known = sorted({*get_scorer_names(), *OURS})
    if not isinstance(name, str) or name not in known:
        raise InvalidArgumentError(
            f"search scoring must be one of scikit-learn's scorers, got {name!r}",
            hint=f"Such as accuracy, f1_macro, roc_auc, r2. All: {', '.join(known)}.",
        )
    named = OURS.get(name, name)
    if classes is None:
        return named
    if classes > 2:
        named = SEVERAL.get(named, named)
    if named in ("roc_auc_ovr", "roc_auc_ovr_weighted", "average_precision") and classes > 2:
        return _one_against_rest(classes, area=named.startswith("roc_auc"), weighted=named.endswith("weighted"))
    return _had(_of_two(named, positive) if classes == 2 else _of_all(named, classes) or get_scorer(named))


def _of_two(name: str, positive: int | None) -> Any:
    """Return a scorer that is about the positive class."""
    from sklearn import metrics

    if name in _POSITIVE:
        function = metrics.jaccard_score if name == "jaccard" else getattr(metrics, f"{name}_score")
        return metrics.make_scorer(function, pos_label=positive, zero_division=0.0)
    if name == "average_precision":
        return metrics.make_scorer(
            metrics.average_precision_score, response_method=("decision_function", "predict_proba"), pos_label=positive
        )
    return _of_all(name, 2) or metrics.get_scorer(name)


def _of_all(name: str, classes: int) -> Any:
    """Return the scorer of probabilities that knows classes which a fold lacks; None for any other name."""
    from sklearn import metrics

    labels = list(range(classes))
    if name == "neg_log_loss":
        return metrics.make_scorer(
            metrics.log_loss, greater_is_better=False, response_method="predict_proba", labels=labels
        )
    if name == "neg_brier_score" and classes > 2:
        return metrics.make_scorer(
            metrics.brier_score_loss, greater_is_better=False, response_method="predict_proba", labels=labels
        )
    if name.partition("_")[0] in _POSITIVE and name.endswith(("_macro", "_weighted")):
        short, _, average = name.partition("_")
        return metrics.make_scorer(getattr(metrics, f"{short}_score"), average=average, zero_division=0.0)
    return None


def _one_against_rest(classes: int, *, area: bool, weighted: bool) -> Scorer:
    """Return the scorer that averages over the classes that a fold has, each against the rest."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    score = roc_auc_score if area else average_precision_score

    def against_rest(estimator: Any, encoded: Any, truth: Any) -> float:
        chances = np.asarray(estimator.predict_proba(encoded), dtype=np.float64)
        rows = np.bincount(np.asarray(truth, dtype=np.intp), minlength=classes)
        there = [code for code in range(classes) if 0 < rows[code] < len(truth)]
        if not there:
            return math.nan
        found = [score(truth == code, chances[:, code]) for code in there]
        return float(np.average(found, weights=rows[there] if weighted else None))

    return against_rest


def _had(found: Any) -> Scorer:
    """Return a scorer that answers NaN where a fold has too little for it, such as one class alone."""

    def score(estimator: Any, encoded: Any, truth: Any) -> float:
        try:
            return float(found(estimator, encoded, truth))
        except ValueError:
            return math.nan

    return score
