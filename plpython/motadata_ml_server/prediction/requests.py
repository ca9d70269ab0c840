"""Requests of the serving process: rows as JSON in, answers as JSON out, each request with its own answer or error.

The answers leave as text that the serving process sends on as it is, so nothing is parsed or written twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Final, NoReturn

from motadata_ml_server.errors import InvalidInputError, MotadataError
from motadata_ml_server.models import visibility
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.breath import Breath
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction import cache, usage
from motadata_ml_server.prediction.cache import CacheEntry
from motadata_ml_server.values.json_text import json_text, load_json

MAX_CHARACTERS: Final = 16 * 1024 * 1024
"""Of all rows of a call: as many as the serving process takes of a body, where it is not told otherwise."""

MAX_ROWS: Final = 100_000
"""Of a call: an answer is many times as long as a short row."""

_text = json.JSONEncoder(separators=(",", ":")).encode


def answer_each(
    db: Database, model_id: str, inputs: Sequence[str], version: str | None, tenant_id: str | None
) -> tuple[list[str | None], list[str | None]]:
    """Answer requests of one row each.

    Parameters
    ----------
    db : Database
        The session.
    model_id, version, tenant_id : str or None
        As for `ml.predict`.
    inputs : sequence of str
        JSON objects by feature name, or arrays of numbers.

    Returns
    -------
    tuple of two lists
        Answers and errors as JSON, in the order of `inputs`: of each pair one is None.

    Raises
    ------
    InvalidInputError
        ML011: more than `MAX_ROWS` rows or `MAX_CHARACTERS` characters.
    """
    started = perf_counter()
    _check_size(sum(len(text or "") for text in inputs), len(inputs))
    visible = visibility.visible_version(db, model_id, version, tenant_id)
    entry = cache.entry_of(db, visible)
    answers: list[str | None] = []
    errors: list[str | None] = []
    frame, breathe = _Frame(visible), Breath(db)
    for text in inputs:
        breathe()
        try:
            answers.append(frame.answer(entry, _row(text, entry)))
            errors.append(None)
        except (MotadataError, RecursionError) as error:
            entry.usage.fail()
            answers.append(None)
            errors.append(_problem(error))
    good = len(answers) - answers.count(None)
    if good:
        entry.usage.add(good, started)
    return answers, errors


def answer_rows(db: Database, model_id: str, text: str, version: str | None, tenant_id: str | None) -> str:
    """Answer one request of many rows: a JSON array in, a JSON array out, in the same order.

    Raises
    ------
    InvalidInputError
        ML011: a row does not fit the model, or there are more than `MAX_ROWS` rows or `MAX_CHARACTERS` characters.
    """
    started = perf_counter()
    _check_size(len(text), 0)
    visible = visibility.visible_version(db, model_id, version, tenant_id)
    entry = cache.entry_of(db, visible)
    frame, breathe = _Frame(visible), Breath(db)
    answers = []
    try:
        rows = _rows(text, entry)
        _check_size(0, len(rows))
        for row in rows:
            breathe()
            answers.append(frame.answer(entry, row))
    except Exception:
        entry.usage.fail()
        raise
    entry.usage.add(len(rows), started)
    return f"[{','.join(answers)}]"


def warm(db: Database, most: int) -> int:
    """Load the deployed versions that were asked for most often, and return how many are in memory."""
    found = sorted(usage.totals(db), key=lambda row: -int(row["calls"]))[: max(0, most)]
    loaded = 0
    for row in found:
        try:
            visible = visibility.visible_version(db, row["model_id"], None, row["tenant_id"])
            if visible.version == row["version"]:
                cache.entry_of(db, visible)
                loaded += 1
        except MotadataError:  # deleted, or not deployed: nobody will ask for it
            continue
    return loaded


class _Frame:
    """What is the same in all answers of a version, written once."""

    def __init__(self, visible: VisibleVersion) -> None:
        self._end = f',"model_id":{_text(visible.model_id)},"model_version":{_text(visible.version)}}}'

    def answer(self, entry: CacheEntry, row: Any) -> str:
        """Return one row's answer."""
        found = entry.predictor.one(row)
        return (
            f'{{"prediction":{json_text(found.prediction)},"probabilities":{json_text(found.probabilities)},'
            f'"confidence":{json_text(found.confidence)}{self._end}'
        )


def _check_size(characters: int, rows: int) -> None:
    """Refuse what would make a session hold much more than the serving process ever sends it."""
    for found, most, what in ((characters, MAX_CHARACTERS, "characters"), (rows, MAX_ROWS, "rows")):
        if found > most:
            raise InvalidInputError(
                f"input has {found} {what}, at most {most} are answered at a time",
                hint="Send fewer rows at a time, or predict a table with ml.predict_batch.",
            )


def _row(text: str, entry: CacheEntry) -> Any:
    row = _parsed(text, entry)
    if not isinstance(row, Mapping | list):
        raise InvalidInputError("input must be a JSON object or an array of numbers", hint='Write {"feature": value}.')
    return row


def _rows(text: str, entry: CacheEntry) -> list[Any]:
    rows = _parsed(text, entry)
    if not isinstance(rows, list):
        raise InvalidInputError("input must be a JSON array of rows", hint='Write [{"feature": value}].')
    return rows


def _parsed(text: str, entry: CacheEntry) -> Any:
    try:
        return load_json(text, exact=entry.predictor.exact_numbers, parse_constant=_no_constant)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"input must be JSON: {error}", hint='Write {"feature": value}.') from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _problem(error: Exception) -> str:
    """Return an error as JSON: what the boundary would have raised, had it been alone."""
    if isinstance(error, MotadataError):
        return _text({"sqlstate": error.sqlstate, "message": error.message, "hint": error.hint})
    return _text(
        {"sqlstate": "54001", "message": "an argument is nested too deeply", "hint": "Pass values a few levels deep."}
    )
