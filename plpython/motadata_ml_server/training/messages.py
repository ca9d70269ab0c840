"""What a backend and its training worker say to each other."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

Layout: TypeAlias = list[tuple[int, list[int]]]
"""For each chunk its rows and the length of each of its buffers, in the order they were written."""


@dataclass(frozen=True)
class Order:
    """To the worker, first: what to train.

    Attributes
    ----------
    spec : dict
        A `TrainingSpec` as plain data.
    columns : list of dict
        The `ColumnSchema` of each column that will come, as plain data.
    stream : bool
        Whether chunks come one by one, to be learned from as they come.
    classes : list of str or None
        The labels of a classifier that streams; all others find them in the rows.
    """

    spec: dict[str, Any]
    columns: list[dict[str, Any]]
    stream: bool = False
    classes: list[str] | None = None


@dataclass(frozen=True)
class Import:
    """To the worker, in place of `Order`: a model from outside, whose bytes are written to the memory file of the rows.

    Attributes
    ----------
    format : str
        onnx or skops.
    model_type : str
        classification or regression.
    features, classes : list of str or None
        Columns of its input, and labels in the order of its probabilities.
    rows : list of dict
        A sample.
    answers : list
        What the model gave for each of them: a value, a label, or a list of probabilities.
    """

    format: str
    model_type: str
    features: list[str] | None
    classes: list[str] | None
    rows: list[dict[str, Any]]
    answers: list[Any]


@dataclass(frozen=True)
class Layouts:
    """To the worker: all rows are written; where they lie in the memory file."""

    train: Layout
    validation: Layout | None


@dataclass(frozen=True)
class NextChunk:
    """To a worker that streams: a chunk is written; None where there is none any more."""

    layout: Layout | None


@dataclass(frozen=True)
class Taken:
    """From a worker that streams: the chunk is copied, the memory file may be written anew."""


@dataclass(frozen=True)
class Step:
    """From the worker: how far it is.

    Attributes
    ----------
    step : str
        What is being done.
    fraction : float
        How much of the training is done, 0 to 1.
    more : dict
        ``rows``, and further facts.
    """

    step: str
    fraction: float
    more: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """From the worker, last: an error."""

    sqlstate: str
    message: str
    hint: str | None
    detail: str | None


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """What is to be known of a trained model beside its artifacts.

    Attributes
    ----------
    features : list of dict
        The plan's summary.
    classes : list of str or None
        Labels in the order of probabilities.
    label_type : str or None
        What a label is in the table.
    metrics : dict of str to float
        Scores, always with n_train and n_test.
    algorithm : str
        The estimator's class.
    hyperparameters : dict
        All of them, as used.
    rows, dropped_rows : int
        Rows used, and rows without a target.
    warnings, notices : list of str
        What the user should know.
    runtime : dict
        name, max_difference and reason of the compiled form.
    library_versions : dict of str to str
        Of what the model was made with.
    fit_seconds : float
        The fit alone.
    trials : list of dict
        Of a hyperparameter search.
    """

    features: list[dict[str, Any]]
    classes: list[str] | None
    label_type: str | None
    metrics: dict[str, float]
    algorithm: str
    hyperparameters: dict[str, Any]
    rows: int
    dropped_rows: int
    warnings: list[str]
    notices: list[str]
    runtime: dict[str, Any]
    library_versions: dict[str, str]
    fit_seconds: float
    trials: list[dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """From the worker, last: the trained model.

    Attributes
    ----------
    artifacts : list of (kind, size, digest)
        As they lie in the memory file, one behind the other.
    model : ModelReport
        All the rest.
    fingerprint : str
        SHA-256 of the rows as they came.
    """

    artifacts: list[tuple[str, int, str]]
    model: ModelReport
    fingerprint: str


Message: TypeAlias = Order | Import | Layouts | NextChunk | Taken | Step | Failure | Result

_KINDS: Final = {kind.__name__: kind for kind in (Order, Import, Layouts, NextChunk, Taken, Step, Failure, Result)}


def encode(message: Message) -> bytes:
    """Return a message as bytes."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}, allow_nan=True).encode()


def decode(data: bytes) -> Message:
    """Return the message of some bytes."""
    fields = json.loads(data)
    kind = _KINDS[fields.pop("kind")]
    if kind is Result:
        fields["model"] = ModelReport(**fields["model"])
    message: Message = kind(**fields)
    return message
