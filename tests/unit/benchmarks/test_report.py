"""The documents say what the committed results say."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.catalogue import FIGURES, verdict

ROOT = Path(__file__).parents[3]

SVG_TEXT = "{http://www.w3.org/2000/svg}text"

PROMISED = (
    "ingest_ratio_vs_adbc",
    "ingest_ratio_vs_psycopg",
    "ingest_ratio_vs_scan",
    "ingest_mixed_ratio_vs_adbc",
    "train_logreg_ratio_vs_client",
    "train_forest_ratio_vs_client",
    "train_mixed_ratio_vs_client",
    "train_backend_growth_mb",
    "train_cancel_ms_p95",
    "row_linear_us",
    "row_forest_us",
    "row_mixed_jsonb_us",
    "row_ratio_vs_naive_plpython",
    "serve_ratio_vs_fastapi_sklearn",
    "serve_ratio_vs_fastapi_onnx",
    "batch_logreg_ratio_vs_client",
    "batch_forest_ratio_vs_client",
    "batch_ratio_vs_memory_limit",
    "cold_first_predict_ms",
    "cold_ratio_vs_sklearn",
    "session_memory_mb",
    "sql_linear_ratio_vs_scan",
    "sql_tree_ratio_vs_predict_value",
    "serve_logistic_p50_ms",
    "serve_logistic_p99_ms",
    "serve_logistic_pgbouncer_p50_ms",
    "serve_logistic_pgbouncer_p99_ms",
)


def test_results_hold_every_figure_and_what_they_were_made_on() -> None:
    found = report.load()
    assert [name for name in (*PROMISED, *FIGURES) if not isinstance(found.get(name), float)] == []
    assert [name for name in ("date", "machine", "cpu", "postgresql", "scikit-learn") if not found.get(name)] == []


def test_page_and_plots_are_drawn_from_the_results() -> None:
    drawn = report.documents(report.load())
    assert {path: (ROOT / path).read_text() for path in drawn} == drawn, "make report writes them anew"
    assert {str(path.relative_to(ROOT)) for path in (ROOT / report.PLOTS).glob("*")} == {
        path for path in drawn if path.endswith(".svg")
    }


def test_readme_figures_are_drawn_from_the_results() -> None:
    text = (ROOT / "README.md").read_text()
    assert report.readme(text, report.load()) == text, "make readme-figures writes them anew"


def test_readme_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        report.readme("# motadata_ml\n", report.load())


def test_readme_changes_when_a_figure_does() -> None:
    text = (ROOT / "README.md").read_text()
    assert report.readme(text, report.load() | {"row_linear_us": 4321.0}) != text


def test_plots_are_well_formed() -> None:
    for path in (ROOT / report.PLOTS).glob("*.svg"):
        texts = list(ElementTree.parse(path).iter(SVG_TEXT))  # noqa: S314 - our own files
        assert len(texts) > 5, path


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("row_linear_us", 11.9, "reached (at most 12)"),
        ("row_linear_us", 12.1, "missed (at most 12)"),
        ("row_ratio_vs_naive_plpython", 101.0, "reached (at least 100)"),
        ("row_ratio_vs_naive_plpython", 99.0, "missed (at least 100)"),
        ("row_naive_plpython_us", 1.0, ""),
    ],
)
def test_verdict_compares_with_the_target(name: str, value: float, expected: str) -> None:
    assert verdict(name, value) == expected
