"""``ml.counterfactual``: the smallest change of a row by which the model answers what is wanted.

Changes of one feature are tried first, to values that training rows had; where none does it, the most promising are
changed in a second feature, and so on. What is found is brought as near to the row as the answer allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import InvalidArgumentError, InvalidInputError, UnsupportedOperationError
from motadata_ml_server.features.check import array_splitter
from motadata_ml_server.features.plan_column import PlanColumn
from motadata_ml_server.features.profile import ColumnProfile, Profile
from motadata_ml_server.features.row import row_encoder
from motadata_ml_server.inspection.partial_dependence import encoder_of, feature_of
from motadata_ml_server.inspection.wanted import Outcome, outcome_of
from motadata_ml_server.models import artifacts
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.persistence.json_intake import read_json
from motadata_ml_server.persistence.kinds import ArtifactKind
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction import cache
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.prediction.row_input import decode
from motadata_ml_server.prediction.runtimes.blocks import BLOCK_ROWS

DEPTH: Final = 4
"""Features that are changed at most."""

BEAM: Final = 16
"""Changes that go on to another feature: those whose answer comes nearest."""

EVALUATIONS: Final = 50_000
"""Rows that are predicted at most, about."""

MAX_FEATURES: Final = 200
"""Features that are varied where none are named, the first."""

HALVINGS: Final = 24
"""Steps by which a number is brought nearer to that of the row."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Feature:
    """A feature that may change: the values tried, encoded, how far each is from the row's, and a number's own."""

    column: PlanColumn
    encode: Callable[[Any], Array]
    values: list[Any]
    encoded: Array
    far: list[float]
    start: float | None
    whole: bool
    spread: float


@dataclass(frozen=True)
class _Change:
    """Values of some features, by the feature's position and the value's."""

    places: tuple[tuple[int, int], ...]
    far: float


def counterfactual(
    db: Database, visible: VisibleVersion, input: str, wanted: str, vary: Sequence[str | None] | None
) -> str | None:
    """Return the changed features as JSON, None where no change was found.

    Parameters
    ----------
    db : Database
        The session.
    visible : VisibleVersion
        The version, as the caller sees it.
    input : str
        A JSON object by feature name, or the numbers of an all-numeric model in order.
    wanted : str
        A class, or a bound such as ``>= 100`` of a value; true or false of an anomaly model.
    vary : sequence of str or None
        Features that may change; None takes all.

    Raises
    ------
    UnsupportedOperationError
        ML020: the model type, or a version without a profile of its training rows.
    InvalidArgumentError
        ML009: wanted is no answer of the model, or a feature is none or cannot be varied.
    InvalidInputError
        ML011: the row does not fit the model.
    """
    predictor = cache.predictor_of(db, visible)
    plan = predictor.plan
    outcome = outcome_of(predictor, wanted, Breath(db))
    columns, profiles = _varied(predictor, vary), _profiles(db, visible)
    given = decode(input, exact=predictor.exact_numbers)
    encoder = row_encoder(plan.columns)
    encoder.fill(given)
    row = encoder.buffer[0].copy()
    if outcome(row[None, :])[0][0]:
        return "{}"
    named = given if isinstance(given, dict) else array_splitter(plan.columns)(given)
    made = [_feature(one, profiles[one.name], named[one.name]) for one in columns if one.name in profiles]
    features = [feature for feature in made if feature is not None]
    found = _search(row, features, outcome)
    if found is None:
        return None
    changed = {features[at].column.name: features[at].values[number] for at, number in found.places}
    for place in found.places:
        feature = features[place[0]]
        if feature.start is not None:
            changed[feature.column.name] = _nearer(row, features, found, place, feature.start, outcome, changed)
    return json.dumps(changed)


def _profiles(db: Database, visible: VisibleVersion) -> dict[str, ColumnProfile]:
    """Return what the training rows of each feature looked like."""
    stored = artifacts.load_present(db, visible, [ArtifactKind.PROFILE]).get(ArtifactKind.PROFILE)
    if stored is None:
        raise UnsupportedOperationError(
            f"version {visible.version} of model {visible.model_id!r} was stored without a profile of its training "
            "rows",
            hint="Train the model again.",
        )
    return {column.name: column for column in read_json(stored, "profile", Profile.from_json).columns}


def _varied(predictor: Predictor, vary: Sequence[str | None] | None) -> list[PlanColumn]:
    columns = list(predictor.plan.columns)
    if predictor.kind == ArtifactKind.GROUPED:
        columns = columns[:-1]
    if vary is None:
        return [column for column in columns if column.kind not in ("vector", "text")][:MAX_FEATURES]
    if not 1 <= len(vary) <= MAX_FEATURES:
        raise InvalidArgumentError(
            f"vary must name 1 to {MAX_FEATURES} features, got {len(vary)}", hint="Leave it out to vary all."
        )
    found = []
    for name in dict.fromkeys(vary):
        column = feature_of(predictor, "" if name is None else name)
        if column not in columns or column.kind in ("vector", "text"):
            raise InvalidArgumentError(
                f"vary must name features whose values can be tried, {column.name!r} is a {column.kind}",
                hint="Name numbers, booleans, dates and categories; the group of a model per group stays as it is.",
            )
        found.append(column)
    return found


def _feature(column: PlanColumn, profile: ColumnProfile, own: Any) -> _Feature | None:
    """Return what is tried of a feature: values that training rows had; None where there is nothing to try."""
    start, whole, spread = None, False, 1.0
    values: list[Any]
    if column.source == "boolean":
        values = [value for value in (False, True) if value is not own]
    elif profile.categories is not None:
        values = [value for value in profile.categories if value != own and value != str(own)]
    elif column.kind == "number" and profile.edges:
        edges = profile.edges
        spread = (edges[-1] - edges[0]) or abs(edges[0]) or 1.0
        whole = all(float(edge).is_integer() for edge in edges) and str(column.spec.get("sql_type")) in (
            "smallint",
            "integer",
            "bigint",
        )
        tried = [edges[0] - spread / 2, *edges, edges[-1] + spread / 2]
        values = [round(value) if whole else value for value in tried]
        start = float(own) if isinstance(own, (int, float)) and not isinstance(own, bool) else None
        values = [value for value in dict.fromkeys(values) if value != start]
    else:
        return None
    encode, kept, encoded = encoder_of(column), [], []
    for value in values:
        try:
            encoded.append(encode(value))
        except InvalidInputError:  # the text of a value is not always one that a row may have
            continue
        kept.append(value)
    if not kept:
        return None
    far = [1.0 if start is None else abs(value - start) / spread for value in kept]
    return _Feature(column, encode, kept, np.array(encoded), far, start, whole, spread)


def _search(row: Array, features: Sequence[_Feature], outcome: Outcome) -> _Change | None:
    """Return the smallest change that does it: of the fewest features, then by the least distance."""
    beam, left = [_Change((), 0.0)], EVALUATIONS
    for _ in range(min(DEPTH, len(features))):
        changes = [
            _Change((*known.places, (at, number)), known.far + feature.far[number])
            for known in beam
            for at, feature in enumerate(features)
            # each set of features once, unless the beam has lost the way there
            if all(at != other for other, _ in known.places)
            for number in range(len(feature.values))
        ][:left]
        if not changes:
            return None
        left -= len(changes)
        good, near = [], []
        for first in range(0, len(changes), BLOCK_ROWS):
            some = changes[first : first + BLOCK_ROWS]
            yes, score = outcome(np.array([_applied(row, features, change) for change in some]))
            good += [change for change, right in zip(some, yes.tolist(), strict=True) if right]
            near += score.tolist()
        if good:
            return min(good, key=lambda change: change.far)
        order = sorted(range(len(changes)), key=lambda at: (-near[at], changes[at].far))[:BEAM]
        beam = [changes[at] for at in order]
    return None


def _applied(row: Array, features: Sequence[_Feature], change: _Change) -> Array:
    changed = row.copy()
    for at, number in change.places:
        changed[features[at].column.part] = features[at].encoded[number]
    return changed


def _nearer(
    row: Array,
    features: Sequence[_Feature],
    found: _Change,
    place: tuple[int, int],
    start: float,
    outcome: Outcome,
    changed: dict[str, Any],
) -> Any:
    """Return a number between the row's and the one found that still does it, with the other features as they are."""
    feature = features[place[0]]
    base = row.copy()
    for at, _ in found.places:
        base[features[at].column.part] = features[at].encode(changed[features[at].column.name])

    def does(value: Any) -> bool:
        tried = base.copy()
        tried[feature.column.part] = feature.encode(value)
        return bool(outcome(tried[None, :])[0][0])

    near, good = start, feature.values[place[1]]
    for _ in range(HALVINGS):
        middle = (near + good) / 2.0
        if feature.whole:
            middle = round(middle)
            if middle in (near, good):
                break
        if does(middle):
            good = middle
        else:
            near = middle
    for digits in range(2, 10):
        short = float(f"{good:.{digits}g}")
        if abs(short - good) <= 0.01 * abs(good - start) and does(short):
            good = short
            break
    return int(good) if feature.whole else good
