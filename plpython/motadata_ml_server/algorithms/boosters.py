"""Gradient boosting libraries beside scikit-learn: their main parameters, as their documentation bounds them."""

from __future__ import annotations

from typing import Any


def _integer(default: int | None, low: int, *more: dict[str, Any]) -> dict[str, Any]:
    allowed = [{"type": "integer", "low": low, "high": None, "closed": "left"}, *more]
    return {"default": default, "allowed": [*allowed, {"type": "null"}]}


def _number(default: float | None, low: float | None, high: float | None, closed: str = "both") -> dict[str, Any]:
    return {
        "default": default,
        "allowed": [{"type": "number", "low": low, "high": high, "closed": closed}, {"type": "null"}],
    }


def _choice(default: str | None, *options: str) -> dict[str, Any]:
    return {"default": default, "allowed": [{"type": "string", "options": sorted(options)}, {"type": "null"}]}


_XGBOOST = {
    "n_estimators": _integer(None, 1),
    "max_depth": _integer(None, 0),
    "max_leaves": _integer(None, 0),
    "max_bin": _integer(None, 2),
    "learning_rate": _number(None, 0, 1),
    "min_child_weight": _number(None, 0, None, "left"),
    "gamma": _number(None, 0, None, "left"),
    "subsample": _number(None, 0, 1, "right"),
    "colsample_bytree": _number(None, 0, 1, "right"),
    "colsample_bylevel": _number(None, 0, 1, "right"),
    "colsample_bynode": _number(None, 0, 1, "right"),
    "reg_alpha": _number(None, 0, None, "left"),
    "reg_lambda": _number(None, 0, None, "left"),
    "scale_pos_weight": _number(None, 0, None, "left"),
    "tree_method": _choice(None, "auto", "exact", "approx", "hist"),
    "grow_policy": _choice(None, "depthwise", "lossguide"),
}

_LIGHTGBM = {
    "n_estimators": _integer(100, 1),
    "num_leaves": _integer(31, 2),
    "max_depth": _integer(-1, -1),
    "learning_rate": _number(0.1, 0, None, "neither"),
    "min_child_samples": _integer(20, 0),
    "min_child_weight": _number(0.001, 0, None, "left"),
    "min_split_gain": _number(0.0, 0, None, "left"),
    "subsample": _number(1.0, 0, 1, "right"),
    "subsample_freq": _integer(0, 0),
    "colsample_bytree": _number(1.0, 0, 1, "right"),
    "reg_alpha": _number(0.0, 0, None, "left"),
    "reg_lambda": _number(0.0, 0, None, "left"),
    "boosting_type": _choice("gbdt", "gbdt", "dart", "rf"),
}


def _entry(module: str, model_type: str, alias: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": module,
        "model_type": model_type,
        "aliases": [alias, alias.replace("boost", "b").replace("gbm", "gb")],
        "nan_ok": True,
        "scaling": "none",
        "streams": False,
        "weights": True,
        "requires": module,
        "parameters": parameters,
    }


BOOSTERS: dict[str, Any] = {
    "XGBClassifier": _entry("xgboost", "classification", "xgboost", _XGBOOST),
    "XGBRegressor": _entry("xgboost", "regression", "xgboost", _XGBOOST),
    "LGBMClassifier": _entry("lightgbm", "classification", "lightgbm", _LIGHTGBM),
    "LGBMRegressor": _entry("lightgbm", "regression", "lightgbm", _LIGHTGBM),
}
