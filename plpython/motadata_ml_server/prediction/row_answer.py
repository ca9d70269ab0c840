"""All that is known about the answer for one row, as the JSON of ``ml.predict``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from motadata_ml_server.values.json_text import json_text

if TYPE_CHECKING:
    from motadata_ml_server.models.version import VisibleVersion
    from motadata_ml_server.prediction.predictor import Predictor


def whole_answer(predictor: Predictor, row: Any, visible: VisibleVersion) -> str:
    """Return prediction, probabilities by label, confidence, model and version.

    Parameters
    ----------
    predictor : Predictor
        The model.
    row : dict or list
        As for `Predictor.one`.
    visible : VisibleVersion
        What answers.

    Raises
    ------
    InvalidInputError
        ML011: the row does not fit the model.
    """
    answer = predictor.one(row)
    chances = "null"
    if answer.probabilities is not None:
        shares = zip(predictor.classes or (), answer.probabilities, strict=True)
        chances = "{" + ",".join([f"{json.dumps(label)}:{json_text(share)}" for label, share in shares]) + "}"
    score = "" if answer.score is None else f'"score":{json_text(answer.score)},'
    return (
        f'{{"prediction":{json_text(answer.prediction)},{score}"probabilities":{chances},'
        f'"confidence":{json_text(answer.confidence)},"model_id":{json.dumps(visible.model_id)},'
        f'"model_version":{json.dumps(visible.version)}}}'
    )
