"""The page of ``make bench-quality``, and the tables that it reads."""

from __future__ import annotations

from pathlib import Path

from benchmarks.quality import _is_number, page
from benchmarks.quality_peer import NAMES, SKLEARN, R

FOUND = {
    "oj": {
        "default": {"loss": 0.35, "seconds": 1.2, "best": "LogisticRegression"},
        "forest": {"loss": 0.6, "seconds": 1.4, "best": "RandomForestClassifier"},
        "FLAML 20 s": {"loss": 0.34, "seconds": 20.1, "best": "lgbm"},
    },
    "boston": {
        "default": {"loss": 0.12, "seconds": 1.1, "best": "HistGradientBoostingRegressor"},
        "forest": {"loss": 0.13, "seconds": 1.4, "best": "RandomForestRegressor"},
        "FLAML 20 s": {"loss": 0.11, "seconds": 20.3, "best": "lgbm"},
    },
}


def test_the_page_has_each_loss_the_ranks_and_the_share_that_is_near() -> None:
    text = page(FOUND, {"flaml": "2.7.0"})
    assert "| oj | 0.3500 | 0.6000 | 0.3400 | 1.03 | 1.2 s | `LogisticRegression` |" in text
    assert "| boston | 0.1200 | 0.1300 | 0.1100 | 1.09 |" in text
    assert "| *mean rank* | 2.00 | 3.00 | 1.00 |" in text
    assert "within 5 % of FLAML 20 s, or better, on 1 of 2 tables" in text


def test_every_table_has_a_source() -> None:
    assert sorted(NAMES) == sorted({**R, **SKLEARN})


def test_a_number_is_told_from_a_word() -> None:
    assert all(map(_is_number, ("1", "-2.5", "1e5", "")))
    assert not any(map(_is_number, ("VS1", "1-2")))


def test_the_other_environment_pins_what_it_installs() -> None:
    lines = (Path(__file__).parents[3] / "benchmarks" / "quality-requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted
    assert all("==" in line for line in wanted)
