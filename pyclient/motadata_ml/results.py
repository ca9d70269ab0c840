"""What the client returns: plain dicts and lists that show themselves well in notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from motadata_ml._pictures import ForecastPicture

if TYPE_CHECKING:
    import pandas as pd


class Record(dict[str, Any]):
    """A dict that a notebook shows as a table: one row of a table or a view of the extension."""

    title = "record"

    def _repr_html_(self) -> str:
        """Return the fields as an HTML table."""
        return f"<b>{escape(self.title)}</b>{_table(self.items())}"


class TrainingResult(Record):
    """What a training returns.

    Keys are ``model_id``, ``status``, ``metrics`` (a dict), ``training_time`` (seconds) and
    ``model_version``.
    """

    title = "Training"


class Prediction(Record):
    """What a prediction returns.

    Keys are ``prediction`` (of the label's own type), ``probabilities`` (a list in the order of the model's
    classes, or None), ``confidence``, ``model_id`` and ``model_version``; of an anomaly model also ``score``: the
    lower, the more unusual, below 0 an outlier.

    Attributes
    ----------
    classes : sequence or None
        The model's classes, of the label's own type, in the order of ``probabilities``; None where there are none.
    """

    title = "Prediction"
    classes: Sequence[Any] | None = None

    @property
    def by_class(self) -> dict[Any, float] | None:
        """The probability of each class by its label, None for a model without probabilities."""
        shares = self["probabilities"]
        if shares is None or self.classes is None:
            return None
        return dict(zip(self.classes, shares, strict=True))


class ModelInfo(Record):
    """The description of a model or of one of its versions."""

    title = "Model"


R = TypeVar("R", bound=Record)


class _Records(list[R], Generic[R]):
    """Rows that a notebook shows as one table."""

    empty = "no rows"

    def as_frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame."""
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self])

    def _repr_html_(self) -> str:
        """Return the rows as an HTML table with a row each; nested values are left out."""
        if not self:
            return f"<i>{self.empty}</i>"
        names = [name for name, value in self[0].items() if not isinstance(value, Mapping | list)]
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(_short(row.get(name)))}</td>" for name in names) + "</tr>" for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


class ResultTable(_Records[Record]):
    """Rows of a function or a view of the extension, a dict each, by column name."""


class ForecastTable(ResultTable):
    """Rows of ``ml.forecast``, shown as a picture of each series where they are few.

    Parameters
    ----------
    rows : iterable of Record
        series, at, value, lower, upper, level, model and status.
    history : iterable of Record
        series, at and value of what came before, where it was asked for.
    """

    def __init__(self, rows: Iterable[Record] = (), history: Iterable[Record] = ()) -> None:
        super().__init__(rows)
        self.history = list(history)

    def plot(self) -> ForecastPicture:
        """Return the past, the forecast and its band as a picture in SVG."""
        return ForecastPicture(self, self.history)

    def _repr_html_(self) -> str:
        """Return the picture, where the past of its few series is known, else the rows as a table."""
        return self.plot().svg if self.history else super()._repr_html_()


class ModelList(_Records[ModelInfo]):
    """Models or versions, one `ModelInfo` each."""

    empty = "no models"


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
