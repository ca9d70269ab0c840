"""What evaluates a stored model: plain Python, ONNX Runtime, or scikit-learn where nothing else can.

Every runtime gives raw scores, for one row and for a table; `links` says what they mean.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import ArtifactError, UnsupportedOperationError
from motadata_ml_server.exhaustion import require_memory
from motadata_ml_server.inference.dense_row import DenseRow
from motadata_ml_server.inference.in_threads import in_threads
from motadata_ml_server.inference.linear import LinearModel
from motadata_ml_server.inference.linear_batch import LinearBatch
from motadata_ml_server.inference.linear_row import LinearRow
from motadata_ml_server.inference.plan_columns import PlanColumn
from motadata_ml_server.inference.row_order import MIN_ROWS, alike_together

Array = NDArray[np.float64]
METADATA_KEY: Final = "motadata_ml"
"""Key of the model metadata under which the meaning of an ONNX model's output lies."""
CHUNK_BYTES: Final = 32 << 20
"""Encoded rows held at once while a table is predicted."""
SESSION_RESERVE: Final = 64 << 20
"""What has to be free beside a chunk's own numbers before ONNX Runtime gets it, in bytes."""


class Runtime(Protocol):
    """Raw scores of a model, and what they mean."""

    link: str
    parameters: dict[str, Any]
    outputs: int

    @property
    def nbytes(self) -> int:
        """Estimate of the memory it holds."""

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> Sequence[float]:
        """Return the raw scores of one row."""

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs), with at most so many threads."""

    def encoded(self, rows: Array) -> Array:
        """Return the raw scores of encoded rows, of shape (rows, outputs)."""


class LinearRuntime:
    """A linear model, folded into its feature plan.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    payload : bytes
        A stored `LinearModel`.
    """

    def __init__(self, columns: Sequence[PlanColumn], payload: bytes) -> None:
        model = LinearModel.from_bytes(payload)
        self.link = model.link
        self.parameters = model.parameters
        self.outputs = len(model.intercepts)
        # the parsed weights once as numbers, once or twice as Python floats inside the tables
        self.nbytes = 40 * model.weights.size + 150 * sum(column.width for column in columns)
        self.scores = LinearRow(columns, model).scores
        self.encoded = model.scores
        self._batch = LinearBatch(columns, model)

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs)."""
        return self._batch.scores(table)


class OnnxRuntime:
    """An ONNX model, each run on one thread.

    A single row goes through buffers bound once, which costs about a third less than `run`.

    Parameters
    ----------
    columns : sequence of PlanColumn
        The feature plan.
    plan : mapping
        The same in JSON form.
    payload : bytes
        The model; its metadata says what its output means.
    """

    def __init__(self, columns: Sequence[PlanColumn], plan: Mapping[str, Any], payload: bytes) -> None:
        import onnxruntime as ort

        from motadata_ml_server.persistence.onnx_intake import check_onnx

        check_onnx(payload)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised; they must not also go to the server's log
        try:
            session = ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
            meaning = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        except Exception as exc:  # onnxruntime raises its own kinds, none with a common base
            raise ArtifactError(f"stored model cannot be loaded: {exc}", hint="Train the model again.") from exc
        self._session = session
        self._plan = plan
        self.link = str(meaning["link"])
        self.parameters = dict(meaning.get("parameters", {}))
        self.outputs = int(meaning["outputs"])
        self.nbytes = 3 * len(payload)
        self._divide = float(meaning.get("divide", 1.0))
        self._leaves = leaf_table(meaning)
        self._input: str = session.get_inputs()[0].name
        self._output: str = str(meaning["output"])
        self._dtype = np.float64 if session.get_inputs()[0].type == "tensor(double)" else np.float32
        self._row = DenseRow(columns)
        width = self._row.buffer.shape[1]
        self._order = [int(feature) for feature in meaning.get("row_order", ()) if 0 <= int(feature) < width]
        self._bind(ort)

    def _bind(self, ort: Any) -> None:
        width = self._row.buffer.shape[1]
        given = self._row.buffer if self._dtype == np.float64 else np.zeros((1, width), np.float32)
        self._narrow = None if given is self._row.buffer else given
        first = self._session.run([self._output], {self._input: given})[0]
        self._result = np.zeros_like(first)
        # both OrtValues share the arrays' memory, and live as long as the binding
        self._held = (ort.OrtValue.ortvalue_from_numpy(given), ort.OrtValue.ortvalue_from_numpy(self._result))
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input(self._input, self._held[0])
        self._binding.bind_ortvalue_output(self._output, self._held[1])
        self._flat = self._result.reshape(-1)

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> Sequence[float]:
        """Return the raw scores of one row."""
        self._row.fill(row)
        if self._narrow is not None:
            self._narrow[:] = self._row.buffer
        self._session.run_with_iobinding(self._binding)
        if self._leaves is not None:
            leaves = self._leaves.take(self._flat.astype(np.intp), axis=0)
            result: list[float] = (np.add.reduce(leaves, axis=0) / self._divide).tolist()
            return result
        if self.outputs == 1:
            return (self._flat.item(0) / self._divide,)
        raw: list[float] = self._flat.tolist()
        return raw if self._divide == 1.0 else [score / self._divide for score in raw]

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs)."""
        from motadata_ml_server.features.encode import encode_table
        from motadata_ml_server.features.plan import FeaturePlan

        plan = FeaturePlan.from_json(dict(self._plan))
        scores = np.empty((table.rows, self.outputs))
        for part, chunk in row_chunks(table, self._row.buffer.shape[1]):
            require_memory(SESSION_RESERVE + 24 * chunk.rows * (self._row.buffer.size + self._flat.size))
            scores[part] = self._in_order(encode_table(plan, chunk), threads)
        return scores

    def _in_order(self, rows: Array, threads: int) -> Array:
        """Return the raw scores of encoded rows, predicted in the order that is fastest."""
        if not self._order or len(rows) < MIN_ROWS:
            return in_threads(self.encoded, rows, threads)
        order = alike_together(rows, self._order)
        scores = np.empty((len(rows), self.outputs))
        scores[order] = in_threads(self.encoded, rows[order], threads)
        return scores

    def encoded(self, rows: Array) -> Array:
        """Return the raw scores of encoded rows.

        Parameters
        ----------
        rows : ndarray of shape (rows, width)
            What the feature plan makes of the rows.

        Returns
        -------
        ndarray of shape (rows, outputs)
            Raw scores.
        """
        given = np.ascontiguousarray(rows, dtype=self._dtype)
        raw = self._session.run([self._output], {self._input: given})[0]
        if self._leaves is not None:
            leaves = raw.astype(np.intp)
            scores = np.zeros((len(rows), self.outputs))
            for tree in range(leaves.shape[1]):
                scores += self._leaves.take(leaves[:, tree], axis=0)
        else:
            scores = raw.reshape(len(rows), -1).astype(np.float64)
        if self._divide != 1.0:
            scores /= self._divide
        return np.asarray(scores)


_DEPENDS_ON_NEIGHBOURS: Final = frozenset({"NMF", "MiniBatchNMF"})
"""Their transform iterates until all rows of a call have settled: a row's answer would depend on those beside it."""


class SklearnRuntime:
    """A scikit-learn estimator itself, for what has no compiled form.

    Parameters
    ----------
    plan : mapping
        The feature plan in JSON form.
    columns : sequence of PlanColumn
        The same, laid out.
    payload : bytes
        A stored estimator.
    task : str
        Model type.
    """

    def __init__(self, columns: Sequence[PlanColumn], plan: Mapping[str, Any], payload: bytes, task: str) -> None:
        from threadpoolctl import threadpool_limits

        from motadata_ml_server.inference.reference import score_with_sklearn
        from motadata_ml_server.persistence.skops_store import load

        self._estimator: Any = load(payload)
        for parameter in self._estimator.get_params(deep=True):
            if parameter.split("__")[-1] == "n_jobs":
                self._estimator.set_params(**{parameter: None})
        threadpool_limits(limits=1)
        self._plan = plan
        self._task = task
        self._row = DenseRow(columns)
        self._score = score_with_sklearn
        self._one_by_one = type(self._estimator).__name__ in _DEPENDS_ON_NEIGHBOURS
        self.nbytes = 6 * len(payload)
        self.parameters: dict[str, Any] = {}
        probe = score_with_sklearn(self._estimator, task, self._row.buffer)
        self.link = probe.link
        self.outputs = probe.scores.shape[1]

    def scores(self, row: Mapping[str, Any] | Sequence[Any]) -> Sequence[float]:
        """Return the raw scores of one row."""
        self._row.fill(row)
        result: list[float] = self._scores(self._row.buffer)[0].tolist()
        return result

    def batch(self, table: ColumnTable, threads: int = 1) -> Array:
        """Return the raw scores of a table, of shape (rows, outputs)."""
        from motadata_ml_server.features.encode import encode_table
        from motadata_ml_server.features.plan import FeaturePlan

        plan = FeaturePlan.from_json(dict(self._plan))
        scores = np.empty((table.rows, self.outputs))
        for part, chunk in row_chunks(table, self._row.buffer.shape[1]):
            scores[part] = self._scores(encode_table(plan, chunk))
        return scores

    def encoded(self, rows: Array) -> Array:
        """Return the raw scores of encoded rows, of shape (rows, outputs)."""
        return self._scores(rows)

    def _scores(self, encoded: Array) -> Array:
        if self._one_by_one and len(encoded) > 1:
            return np.vstack([self._scores(encoded[at : at + 1]) for at in range(len(encoded))])
        try:
            return self._score(self._estimator, self._task, encoded).scores
        except ValueError as exc:
            raise UnsupportedOperationError(
                f"the model cannot predict this row: {exc}",
                hint="Check the values; an estimator without support for nulls needs them replaced.",
            ) from exc


def row_chunks(table: ColumnTable, width: int) -> list[tuple[slice, ColumnTable]]:
    """Cut a table into pieces whose encoding stays within `CHUNK_BYTES`.

    Parameters
    ----------
    table : ColumnTable
        Rows to predict.
    width : int
        Encoded numbers of a row.

    Returns
    -------
    list of (slice, ColumnTable)
        In order.
    """
    size = max(1, CHUNK_BYTES // (8 * max(1, width)))
    if table.rows <= size:
        return [(slice(0, table.rows), table)] if table.rows else []
    return [
        (slice(at, min(at + size, table.rows)), table.take(np.arange(at, min(at + size, table.rows))))
        for at in range(0, table.rows, size)
    ]


def leaf_table(meaning: Mapping[str, Any]) -> Array | None:
    """Return what each leaf adds to the scores, of shape (leaves, outputs), where the model's output is leaves.

    Parameters
    ----------
    meaning : mapping
        The model's metadata under `METADATA_KEY`.

    Returns
    -------
    ndarray or None
        None where the model's output is the scores themselves.
    """
    stored = meaning.get("leaves")
    if stored is None:
        return None
    content = zlib.decompress(base64.b64decode(stored["data"]))
    return np.frombuffer(content, dtype="<f8").reshape(stored["shape"])


def open_runtime(
    kind: str, columns: Sequence[PlanColumn], plan: Mapping[str, Any], payload: bytes, task: str
) -> Runtime:
    """Return the runtime of a stored model.

    Parameters
    ----------
    kind : str
        'linear', 'onnx', 'skops' or 'grouped'.
    columns : sequence of PlanColumn
        The feature plan, laid out.
    plan : mapping
        The same in JSON form.
    payload : bytes
        The artifact of that kind.
    task : str
        Model type.

    Returns
    -------
    Runtime
        Ready to predict.

    Raises
    ------
    ArtifactError
        If the artifact is not acceptable, or of an unknown kind.
    """
    if kind == "linear":
        return LinearRuntime(columns, payload)
    if kind == "onnx":
        return OnnxRuntime(columns, plan, payload)
    if kind == "skops":
        return SklearnRuntime(columns, plan, payload, task)
    if kind == "grouped":
        from motadata_ml_server.inference.grouped import GroupedRuntime

        return GroupedRuntime(columns, plan, payload)
    raise ArtifactError(f"stored model is of the unknown kind {kind!r}", hint="Update the server package.")
