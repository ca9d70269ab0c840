"""What the client returns: plain dicts and lists that show themselves well in notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any


class _Result(dict[str, Any]):
    """A dict that a notebook shows as a table."""

    title = "result"

    def _repr_html_(self) -> str:
        """Return the fields as an HTML table."""
        return f"<b>{escape(self.title)}</b>{_table(self.items())}"


class TrainingResult(_Result):
    """What a training returns.

    Keys are ``model_id``, ``status``, ``metrics`` (a dict), ``training_time`` (seconds) and
    ``model_version``.
    """

    title = "Training"


class Prediction(_Result):
    """What a prediction returns.

    Keys are ``prediction`` (of the label's own type), ``probabilities`` (a list in the order of the model's
    classes, or None), ``confidence``, ``model_id`` and ``model_version``.
    """

    title = "Prediction"


class ModelInfo(_Result):
    """The description of a model or of one of its versions."""

    title = "Model"


class ModelList(list[ModelInfo]):
    """Models or versions, one `ModelInfo` each."""

    def _repr_html_(self) -> str:
        """Return the models as an HTML table with a row each."""
        if not self:
            return "<i>no models</i>"
        names = [name for name, value in self[0].items() if not isinstance(value, Mapping | list)]
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(_short(model.get(name)))}</td>" for name in names) + "</tr>"
            for model in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _table(items: Iterable[tuple[str, Any]]) -> str:
    """Return name and value pairs as an HTML table, nested ones inside."""
    rows = []
    for name, value in items:
        shown = _table(value.items()) if isinstance(value, Mapping) and value else escape(_short(value))
        rows.append(f"<tr><th style='text-align:left'>{escape(str(name))}</th><td>{shown}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _short(value: Any) -> str:
    """Return a value as text of readable length."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 200 else text[:197] + "..."
