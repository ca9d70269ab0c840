"""What a model's description tells: all of it, or to a key that only predicts, what a prediction takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LISTED = ("model_id", "model_type", "deployed_version")
_DESCRIBED = ("model_id", "model_type", "version", "classes", "label_type")


def of_list(model: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return a row of the list of models.

    Parameters
    ----------
    model : mapping
        A row of ``ml.models``.
    whole : bool
        Whether the key may read descriptions.
    """
    return dict(model) if whole else {name: model.get(name) for name in _LISTED}


def of_model(info: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return the description of a version.

    Parameters
    ----------
    info : mapping
        As ``ml.get_model_info`` tells.
    whole : bool
        Whether the key may read descriptions. Without, there are no queries, tables, roles, hyperparameters, scores and
        no values that were seen in training, but for the classes, which predictions name.
    """
    if whole:
        return dict(info)
    features = [{"name": column["name"], "source": column["source"]} for column in info.get("features") or ()]
    return {**{name: info.get(name) for name in _DESCRIBED}, "features": features}
