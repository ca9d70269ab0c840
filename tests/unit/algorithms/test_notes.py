"""What `ml.algorithms` says of each algorithm, against the page that measures them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from motadata_ml_server.algorithms import catalogue, notes
from motadata_ml_server.algorithms.listing import algorithms
from motadata_ml_server.algorithms.unsupported import DENIED

PAGE = Path(__file__).parents[3] / "docs" / "algorithms.md"


def measured() -> dict[str, str]:
    """Return the runtime of each algorithm, as the page of all of them says."""
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): row[3].strip() for row in rows}


@pytest.mark.parametrize("name", sorted(catalogue.load()))
def test_every_algorithm_has_a_description_and_what_it_is_good_for(name: str) -> None:
    description, good_for = notes.note(name)
    assert description.endswith(".")
    assert good_for
    assert not good_for.endswith(".")


def test_no_note_is_of_an_algorithm_that_is_not_there() -> None:
    used = {notes.note(name) for name in catalogue.load()}
    assert set(notes.NOTES.values()) == used


def test_compiled_is_what_was_measured() -> None:
    found = measured()
    assert {name for name in found if not notes.compiled(name)} == {
        name for name, runtime in found.items() if runtime == "sklearn"
    }


def test_linear_models_are_those_that_were_measured_as_such() -> None:
    types = {name: entry.model_type for name, entry in catalogue.load().items()}
    found = {
        name
        for name, runtime in measured().items()
        if runtime == "linear" and types[name] in ("classification", "regression", "anomaly")
    }
    assert found == notes.LINEAR


def test_the_rows_are_those_that_train_and_those_that_do_not() -> None:
    rows = list(algorithms())
    assert {row["algorithm"] for row in rows if row["model_type"] is None} == set(DENIED)
    assert {row["algorithm"] for row in rows if row["model_type"] is not None} == set(catalogue.load())
    assert {row["explained"] for row in rows} == {"exact", "sampled", None}
    reasons = {row["algorithm"]: row["description"] for row in rows if row["model_type"] is None}
    assert "labels only the rows it was fitted on" in reasons["LocalOutlierFactor"]
