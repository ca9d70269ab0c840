"""Bodies of requests and answers."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

Number: TypeAlias = StrictInt | StrictFloat | None
NamedRow: TypeAlias = dict[str, Any]
PlainRow: TypeAlias = list[Number]
VERSION = r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$"
Version: TypeAlias = Annotated[str, Field(pattern=VERSION, examples=["1.0.0"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class PredictRequest(_Body):
    """One row, by feature name, or numbers by position."""

    input_data: NamedRow | PlainRow
    version: Version | None = None


class BatchRequest(_Body):
    """Several rows, all by feature name, or all numbers by position."""

    input_data: Annotated[list[NamedRow], Field(min_length=1)] | Annotated[list[PlainRow], Field(min_length=1)]
    version: Version | None = None


class PredictionAnswer(_Body):
    """One prediction."""

    prediction: Any
    probabilities: list[float] | None
    confidence: float | None
    model_id: str
    model_version: str


class BatchAnswer(_Body):
    """Predictions in the order of the rows."""

    predictions: list[PredictionAnswer]
    rows: int


class ModelAnswer(BaseModel):
    """A model or one of its versions."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_id: str
    model_type: str


class DeployRequest(_Body):
    """The version that is to predict."""

    version: Version


class DeployedAnswer(_Body):
    """The version that predicts now."""

    model_id: str
    version: str


class ModelsAnswer(_Body):
    """The tenant's models."""

    models: list[ModelAnswer]


class StatusAnswer(_Body):
    """Whether the process or what it needs is well."""

    status: str


class Problem(_Body):
    """What went wrong and what to do about it."""

    code: str
    message: str
    hint: str | None = None
    sqlstate: str | None = None


class ErrorAnswer(_Body):
    """The body of every answer that is not a success."""

    error: Problem
