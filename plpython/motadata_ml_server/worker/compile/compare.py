"""Compile a fitted estimator, and compare the result with scikit-learn before it is used."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.prediction.runtimes.link import batch_class, batch_probabilities, batch_value
from motadata_ml_server.prediction.runtimes.open import open_runtime
from motadata_ml_server.prediction.runtimes.sklearn_scores import score_with_sklearn
from motadata_ml_server.worker.compile.linear import compile_linear

Array = NDArray[np.float64]
TOLERANCE: Final = 1e-5
"""Largest difference in a probability, and largest relative difference in a value."""
MAX_EXTRA_ROWS: Final = 64
"""Rows of our own that are added to the caller's: zeros, large values, missing values."""


@dataclass(frozen=True)
class Compiled:
    """A compiled form, or why there is none.

    Attributes
    ----------
    kind : ArtifactKind or None
        None where the estimator itself has to predict.
    payload : bytes
        The artifact; empty for None.
    max_difference : float
        Largest difference from scikit-learn on the rows compared.
    reason : str
        One sentence for the model's information.
    trees : bytes
        The same model's trees as the compiled loops take them; empty where there are none.
    """

    kind: ArtifactKind | None
    payload: bytes
    max_difference: float
    reason: str
    trees: bytes = b""


@dataclass(frozen=True)
class _Answer:
    labels: NDArray[np.intp] | None
    values: Array | None


def compile_estimator(estimator: Any, task: str, check: Array) -> Compiled:
    """Compile a fitted estimator, where that gives the same answers.

    Parameters
    ----------
    estimator : object
        A fitted scikit-learn estimator.
    task : str
        Model type.
    check : ndarray of float64, shape (rows, width)
        Encoded rows to compare on, best with missing and extreme values among them.

    Returns
    -------
    Compiled
        Never raises for an estimator that is unsuitable.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            rows = _with_extremes(estimator, task, np.asarray(check, dtype=np.float64))
            expected = _expected(estimator, task, rows)
        except Exception as exc:  # an estimator may fail in any way on rows it was not fitted on
            return Compiled(None, b"", 0.0, f"scikit-learn itself cannot predict the check rows: {exc}")
        reasons: list[str] = []
        for attempt in (_try_linear, _try_trees, _try_mixture, _try_converter):
            compiled = attempt(estimator, task, rows, expected)
            if compiled.kind is not None:
                return compiled
            if compiled.reason:
                reasons.append(compiled.reason)
    return Compiled(None, b"", 0.0, "; ".join(reasons) or "no compiled form for this estimator")


def _try_linear(estimator: Any, task: str, rows: Array, expected: _Answer) -> Compiled:
    try:
        model = compile_linear(estimator)
        if model is None:
            return Compiled(None, b"", 0.0, "")
        found = _answer(task, model.link, model.parameters, model.scores(rows))
        payload = model.to_bytes()
    except Exception as exc:  # whatever an unusual set-up leads to: it is not compiled then
        return Compiled(None, b"", 0.0, f"not linear as expected: {exc}")
    return _judged(ArtifactKind.LINEAR, payload, found, expected, "linear scores, evaluated directly")


def _try_trees(estimator: Any, task: str, rows: Array, expected: _Answer) -> Compiled:
    from motadata_ml_server.worker.compile.onnx_trees import emit_ensemble
    from motadata_ml_server.worker.compile.sklearn_trees import read_ensemble
    from motadata_ml_server.worker.compile.tree_arrays import tree_model

    how = "decision trees, in double precision"
    try:
        ensemble = read_ensemble(estimator)
        payload = None if ensemble is None else emit_ensemble(ensemble, rows.shape[1])
        if ensemble is None or payload is None:
            return Compiled(None, b"", 0.0, "")
        judged = _judged(ArtifactKind.ONNX, payload, _run(ArtifactKind.ONNX, payload, task, rows), expected, how)
    except Exception as exc:  # as above
        return Compiled(None, b"", 0.0, f"trees could not be compiled: {exc}")
    if judged.kind is None:
        return judged
    try:
        trees = tree_model(ensemble, rows.shape[1]).to_bytes()
        own = _judged(ArtifactKind.TREES, trees, _run(ArtifactKind.TREES, trees, task, rows), expected, how)
    except Exception as exc:  # as above: ONNX Runtime predicts then
        return replace(judged, reason=f"{judged.reason}; not for the compiled loops: {exc}")
    if own.kind is None:
        return replace(judged, reason=f"{judged.reason}; not for the compiled loops: {own.reason}")
    return replace(judged, max_difference=max(judged.max_difference, own.max_difference), trees=trees)


def _try_mixture(estimator: Any, task: str, rows: Array, expected: _Answer) -> Compiled:
    from motadata_ml_server.worker.compile.mixture import emit_mixture

    try:
        payload = emit_mixture(estimator, rows.shape[1])
        if payload is None:
            return Compiled(None, b"", 0.0, "")
        found = _run(ArtifactKind.ONNX, payload, task, rows)
    except Exception as exc:  # as above
        return Compiled(None, b"", 0.0, f"members could not be compiled: {exc}")
    return _judged(ArtifactKind.ONNX, payload, found, expected, "several estimators in one graph, in double precision")


def _try_converter(estimator: Any, task: str, rows: Array, expected: _Answer) -> Compiled:
    from motadata_ml_server.worker.compile.converter import convert

    worst = Compiled(None, b"", 0.0, "")
    for double in (True, False):
        try:
            payload = convert(estimator, task, rows.shape[1], double=double)
            found = _run(ArtifactKind.ONNX, payload, task, rows)
        except Exception as exc:  # skl2onnx and onnxruntime raise many kinds
            text = str(exc).strip().split("\n")[0][:200]
            worst = worst if worst.reason else Compiled(None, b"", 0.0, f"no ONNX form: {text}")
            continue
        precision = "double" if double else "single"
        judged = _judged(ArtifactKind.ONNX, payload, found, expected, f"converted, in {precision} precision")
        if judged.kind is not None:
            return judged
        worst = judged
    return worst


def _run(kind: ArtifactKind, payload: bytes, task: str, rows: Array) -> _Answer:
    runtime = open_runtime(kind, FeaturePlan.as_is(rows.shape[1]), payload, task)
    many = runtime.encoded(rows)
    # the row path has other buffers and another code path inside the runtime: compare it too
    for at in range(0, len(rows), max(1, len(rows) // 16)):
        single = np.asarray(runtime.scores(rows[at].tolist()))
        if not np.allclose(single, many[at], rtol=1e-9, atol=1e-12, equal_nan=True):
            raise ValueError("one row and many rows give different scores")
    return _answer(task, runtime.link, runtime.parameters, many)


def _expected(estimator: Any, task: str, rows: Array) -> _Answer:
    reference = score_with_sklearn(estimator, task, rows)
    if task in {"classification", "clustering"}:
        return _Answer(reference.labels, batch_probabilities(reference.link, reference.scores))
    return _Answer(None, reference.scores)


def _answer(task: str, link: str, parameters: dict[str, Any], scores: Array) -> _Answer:
    if task == "classification":
        return _Answer(batch_class(link, scores), batch_probabilities(link, scores))
    if task == "clustering":
        return _Answer(batch_class(link, scores), None)
    if task == "decomposition":
        return _Answer(None, scores)
    return _Answer(None, batch_value(link, parameters, scores)[:, None])


def _judged(kind: ArtifactKind, payload: bytes, found: _Answer, expected: _Answer, how: str) -> Compiled:
    if expected.labels is not None:
        assert found.labels is not None  # noqa: S101 - both come from the same task
        apart = int(np.count_nonzero(found.labels != expected.labels))
        if apart:
            return Compiled(None, b"", 0.0, f"{how}: {apart} of {len(expected.labels)} labels differ")
    if (found.values is None) != (expected.values is None):
        return Compiled(None, b"", 0.0, f"{how}: probabilities on one side only")
    difference = 0.0
    if expected.values is not None and found.values is not None:
        if found.values.shape != expected.values.shape:
            return Compiled(None, b"", 0.0, f"{how}: another number of outputs")
        gaps = np.abs(found.values - expected.values)
        if expected.labels is None:
            gaps = gaps / np.maximum(np.abs(expected.values), _scale_of(expected.values))
        same = (found.values == expected.values) | (np.isnan(found.values) & np.isnan(expected.values))
        gaps[same] = 0.0
        difference = float(np.max(gaps, initial=0.0))
    if not difference <= TOLERANCE:
        return Compiled(None, b"", difference, f"{how}: differs by {difference:.3g}")
    return Compiled(kind, payload, difference, f"{how}, largest difference {difference:.3g}")


def _scale_of(values: Array) -> float:
    """Return what counts as zero: relative differences are not measured below it."""
    finite = np.abs(values[np.isfinite(values)])
    return max(float(np.median(finite)) * 1e-6, 1e-12) if finite.size else 1.0


def _with_extremes(estimator: Any, task: str, check: Array) -> Array:
    """Add rows of our own to the caller's, as far as the estimator accepts them."""
    base = check[:MAX_EXTRA_ROWS]
    if not len(base):
        return check
    generator = np.random.default_rng(0)
    candidates = [
        np.zeros((1, check.shape[1])),
        np.where(generator.random(base.shape) < 0.2, 0.0, base),
        base * np.where(generator.random(base.shape) < 0.2, 10.0, 1.0),
        np.where(generator.random(base.shape) < 0.2, -base, base),
        np.where(generator.random(base.shape) < 0.2, np.nan, base),
    ]
    rows = [check]
    for extra in candidates:
        try:
            answer = score_with_sklearn(estimator, task, extra)
        except Exception:  # noqa: S112 - it refuses such rows, so they never reach it
            continue
        if np.isfinite(answer.scores).all():
            rows.append(extra)
    return np.vstack(rows)
