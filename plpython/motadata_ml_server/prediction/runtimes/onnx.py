"""A stored ONNX model, evaluated by ONNX Runtime."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.columns import ColumnTable
from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.row import DenseRow
from motadata_ml_server.features.row_chunks import row_chunks
from motadata_ml_server.postgres.resources import require_memory
from motadata_ml_server.prediction.runtimes.row_order import MIN_ROWS, alike_together
from motadata_ml_server.prediction.runtimes.threads import in_threads

Array = NDArray[np.float64]
METADATA_KEY: Final = "motadata_ml"
"""Key of the model metadata under which the meaning of an ONNX model's output lies."""
SESSION_RESERVE: Final = 64 << 20
"""What has to be free beside a chunk's own numbers before ONNX Runtime gets it, in bytes."""


class OnnxRuntime:
    """An ONNX model, each run on one thread.

    A single row goes through buffers bound once, which costs about a third less than `run`.

    Parameters
    ----------
    plan : FeaturePlan
        How rows become numbers.
    payload : bytes
        The model; its metadata says what its output means.
    """

    def __init__(self, plan: FeaturePlan, payload: bytes) -> None:
        from motadata_ml_server.persistence.onnx_intake import check_onnx
        from motadata_ml_server.prediction.runtimes import onnx_library

        check_onnx(payload)
        ort = onnx_library.load()
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
        self._row = DenseRow(plan.columns)
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
        from motadata_ml_server.features.table import encode_table

        scores = np.empty((table.rows, self.outputs))
        for part, chunk in row_chunks(table, self._row.buffer.shape[1]):
            require_memory(SESSION_RESERVE + 24 * chunk.rows * (self._row.buffer.size + self._flat.size))
            scores[part] = self._in_order(encode_table(self._plan, chunk), threads)
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
