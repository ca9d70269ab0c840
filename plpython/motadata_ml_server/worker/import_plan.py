"""Fitted scikit-learn pipelines from outside: what comes first becomes a feature plan. Runs in the worker.

Imputers, scalers and encoders, in a row or by column, say what a feature plan says. They are read into one, so that
rows reach what follows as they reach any model that was trained here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from motadata_ml_server.errors import InvalidArgumentError, UnsupportedOperationError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.features.plan_column import TEXT_FORM

_HINT: Final = (
    "Imputers (SimpleImputer), scalers (Standard, MinMax, MaxAbs, Robust), OneHotEncoder and OrdinalEncoder are read, "
    "one after another or by column. Export other models as ONNX."
)

Specs = list[dict[str, Any]]


class Reading:
    """A pipeline as a plan and the estimator that follows it.

    Parameters
    ----------
    estimator : object
        Fitted.
    features : sequence of str or None
        The columns of its input, in order; None takes the names that it was fitted with.

    Attributes
    ----------
    plan : FeaturePlan
        What was read.
    estimator : object
        What is left, for encoded rows.
    warnings : list of str
        Where the plan differs.
    """

    def __init__(self, estimator: Any, features: Sequence[str] | None) -> None:
        self.warnings: list[str] = []
        names = _names(estimator, features)
        steps = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
        specs: Specs = [{"name": name} for name in names]
        while len(steps) > 1:
            step = steps[0]
            if type(step).__name__ == "ColumnTransformer":
                if any("kind" in spec for spec in specs):
                    raise _unsupported(step)
                specs = self._by_column(step, specs)
            elif not self._applied(step, specs):
                break
            del steps[0]
        self.estimator = steps[0]
        if len(steps) > 1:
            from sklearn.pipeline import make_pipeline

            self.estimator = make_pipeline(*steps)
        if not specs:
            raise UnsupportedOperationError("the pipeline uses no column", hint=_HINT)
        self.plan = FeaturePlan.of([_finished(spec) for spec in specs])

    def _by_column(self, transformer: Any, specs: Specs) -> Specs:
        """Return the columns as a ColumnTransformer lays them side by side."""
        known = {spec["name"]: at for at, spec in enumerate(specs)}
        found: Specs = []
        for _, step, chosen in transformer.transformers_:
            if isinstance(step, str) and step == "drop":
                continue
            places = [known[one] if isinstance(one, str) else int(one) for one in _listed(chosen, len(specs))]
            block = [specs[at] for at in places]
            if any(spec.get("used") for spec in block):
                raise UnsupportedOperationError("the pipeline uses a column in two ways", hint=_HINT)
            for spec in block:
                spec["used"] = True
            inner = [one for _, one in step.steps] if hasattr(step, "steps") else [step]
            for one in inner:
                if block and not self._applied(one, block):
                    raise _unsupported(one)
            found += block
        return found

    def _applied(self, step: Any, specs: Specs) -> bool:
        """Apply one transformer to columns; False for one that is not known."""
        kind = type(step).__name__
        if isinstance(step, str):
            return step == "passthrough"
        if kind == "FunctionTransformer":
            return step.func is None
        if kind == "SimpleImputer":
            return self._imputed(step, specs)
        if kind in ("OneHotEncoder", "OrdinalEncoder"):
            return self._encoded(step, specs, kind == "OneHotEncoder")
        return _scaled(step, specs)

    def _imputed(self, step: Any, specs: Specs) -> bool:
        missing = step.missing_values
        if step.add_indicator or (missing is not None and not (isinstance(missing, float) and math.isnan(missing))):
            return False
        if len(step.statistics_) != len(specs):
            raise UnsupportedOperationError("SimpleImputer was fitted on another number of columns", hint=_HINT)
        for spec, value in zip(specs, step.statistics_.tolist(), strict=True):
            if "kind" in spec or "impute" in spec or "shift" in spec or value is None or _is_nan(value):
                return False
            spec["impute"] = value
        return True

    def _encoded(self, step: Any, specs: Specs, onehot: bool) -> bool:
        rare = getattr(step, "infrequent_categories_", None) if onehot else None
        if (rare is not None and any(one is not None for one in rare)) or len(step.categories_) != len(specs):
            return False
        if not onehot and getattr(step, "_infrequent_enabled", False):
            return False
        dropped = getattr(step, "drop_idx_", None)
        for at, (spec, given) in enumerate(zip(specs, step.categories_, strict=True)):
            if "kind" in spec or "shift" in spec:
                return False
            sql_type, texts = _texts(spec["name"], given)
            without = None if dropped is None or dropped[at] is None else int(dropped[at])
            self._category(spec, sql_type, texts, without, step, onehot)
        return True

    def _category(
        self, spec: dict[str, Any], sql_type: str, texts: list[str], without: int | None, step: Any, onehot: bool
    ) -> None:
        fill = spec.pop("impute", None)
        spec |= {"kind": "category", "source": "text", "sql_type": sql_type, "form": TEXT_FORM}
        if not onehot:
            unknown = step.unknown_value if step.handle_unknown == "use_encoded_value" else -1.0
            spec |= {"encode": "ordinal", "categories": texts, "width": 1, "unknown": float(unknown)}
            if _is_nan(spec["unknown"]):
                spec["unknown"] = None
            numbers = [[float(at)] for at in range(len(texts))]
        else:
            numbers = np.delete(np.eye(len(texts)), [] if without is None else [without], axis=1).tolist()
            kept = [text for at, text in enumerate(texts) if at != without]
            spec |= {"encode": "onehot", "categories": kept, "width": len(kept)}
        if fill is not None:
            _, [usual] = _texts(spec["name"], np.array([fill], dtype=object))
            if usual not in texts:
                raise UnsupportedOperationError(
                    f"the pipeline fills {spec['name']!r} with {usual!r}, which is none of its categories", hint=_HINT
                )
            spec |= {"encode": "target", "categories": texts, "values": numbers, "width": len(numbers[0])}
            spec["default"] = numbers[texts.index(usual)]
            self.warnings.append(f"a category of {spec['name']!r} that is not known counts as a missing one")


def _listed(chosen: Any, count: int) -> list[Any]:
    """Return the columns that a part of a ColumnTransformer takes, by name or by position."""
    if isinstance(chosen, (str, int)):
        return [chosen]
    if isinstance(chosen, slice) or (len(chosen) and isinstance(chosen[0], (bool, np.bool_))):
        return list(np.arange(count)[chosen])
    return list(chosen)


def _names(estimator: Any, features: Sequence[str] | None) -> list[str]:
    given = getattr(estimator, "feature_names_in_", None)
    names = list(features) if features is not None else None if given is None else [str(one) for one in given]
    count = int(getattr(estimator, "n_features_in_", 0))
    if names is None:
        raise InvalidArgumentError(
            f"features must name the {count} columns of the model's input, which it does not know by name",
            hint="features => array['first', 'second', ...], in the order of the columns that it was fitted on.",
        )
    if len(names) != count or len(set(names)) != count or not all(names):
        raise InvalidArgumentError(
            f"features must be {count} different names, got {len(names)}",
            hint="One for each column of the input, in the order in which the model was fitted.",
        )
    if given is not None and features is not None and list(map(str, given)) != names:
        raise InvalidArgumentError(
            f"features must be the names that the model was fitted with, {', '.join(map(repr, map(str, given)))}"[:300],
            hint="Leave features out.",
        )
    return names


def _texts(name: str, given: Any) -> tuple[str, list[str]]:
    values = given.tolist()
    if all(isinstance(value, str) for value in values):
        return "text", values
    if all(isinstance(value, bool) for value in values):
        return "boolean", [str(value).lower() for value in values]
    if all(isinstance(value, (int, float)) and float(value).is_integer() for value in values):
        return "bigint", [str(int(value)) for value in values]
    raise UnsupportedOperationError(
        f"the categories of {name!r} are not texts, whole numbers or booleans alone",
        hint="A missing value is no category here: put SimpleImputer before the encoder.",
    )


def _scaled(step: Any, specs: Specs) -> bool:
    """Apply a scaler to columns; False for what is none."""
    count = sum(_width(spec) for spec in specs)
    found = _factors(step, np.zeros(count), np.ones(count))
    if found is None:
        return False
    shift, scale = found
    if len(shift) != count or len(scale) != count:
        raise UnsupportedOperationError(f"{type(step).__name__} was fitted on another number of columns", hint=_HINT)
    at = 0
    for spec in specs:
        width = _width(spec)
        _scale(spec, np.asarray(shift[at : at + width], float), np.asarray(scale[at : at + width], float))
        at += width
    return True


def _factors(step: Any, zeros: Any, ones: Any) -> tuple[Any, Any] | None:
    """Return what a scaler takes from numbers, and what it divides them by."""
    kind = type(step).__name__
    if kind == "StandardScaler":
        return (step.mean_ if step.with_mean else zeros), (step.scale_ if step.with_std else ones)
    if kind == "MinMaxScaler" and not step.clip:
        return -step.min_ / step.scale_, 1.0 / step.scale_
    if kind == "MaxAbsScaler":
        return zeros, step.scale_
    if kind == "RobustScaler":
        return (step.center_ if step.with_centering else zeros), (step.scale_ if step.with_scaling else ones)
    return None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _width(spec: dict[str, Any]) -> int:
    return int(spec.get("width", 1))


def _scale(spec: dict[str, Any], shift: Any, scale: Any) -> None:
    before, by = np.asarray(spec.get("shift", 0.0)), np.asarray(spec.get("scale", 1.0))
    spec["shift"] = (before + shift * by).tolist()
    spec["scale"] = (by * scale).tolist()


def _finished(spec: dict[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in spec.items() if key != "used"}
    if "kind" not in own:
        own |= {"kind": "number", "source": "number", "sql_type": "double precision", "width": 1}
        impute = own.get("impute")
        if impute is not None and not isinstance(impute, (int, float)):
            raise UnsupportedOperationError(
                f"the pipeline fills {own['name']!r} with a text and does not encode it", hint=_HINT
            )
    return {"impute": None, "shift": None, "scale": None, **own}


def _unsupported(step: Any) -> UnsupportedOperationError:
    return UnsupportedOperationError(f"{type(step).__name__} in a pipeline has no form in a feature plan", hint=_HINT)
