"""Results are plain dicts that show themselves in notebooks, with everything escaped."""

from __future__ import annotations

import json

from motadata_ml import ModelInfo, ModelList, Prediction, TrainingResult


def test_results_are_dicts_that_json_writes() -> None:
    result = TrainingResult(model_id="m", metrics={"accuracy": 0.5})
    assert json.loads(json.dumps(result)) == result == {"model_id": "m", "metrics": {"accuracy": 0.5}}


def test_html_is_escaped_and_nested() -> None:
    shown = TrainingResult({"<b>": "<script>", "metrics": {"accuracy": 0.123456789}})._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "0.123457" in shown


def test_long_values_are_cut_in_html() -> None:
    assert len(Prediction(prediction="x" * 10_000)._repr_html_()) < 1000


def test_models_are_a_table_with_a_row_each() -> None:
    shown = ModelList([ModelInfo(model_id="a", metrics={}), ModelInfo(model_id="<b>", metrics={})])._repr_html_()
    assert shown.count("<tr>") == 3
    assert "&lt;b&gt;" in shown
    assert ModelList()._repr_html_() == "<i>no models</i>"
