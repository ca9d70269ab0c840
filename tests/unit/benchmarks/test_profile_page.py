"""docs/profiles.md says what the committed profile says."""

from __future__ import annotations

import pytest

from benchmarks.profile_page import PAGE, PATHS, load, page


def test_page_is_drawn_from_the_profile() -> None:
    assert PAGE.read_text() == page(load()), "python -m benchmarks.profile_page writes it anew"


@pytest.mark.parametrize("path", PATHS)
def test_each_path_has_its_steps_a_whole_and_a_floor(path: str) -> None:
    steps = load()[path]
    assert any(name.startswith("floor:") for name in steps)
    assert sum(name.startswith("whole") for name in steps) == 1
    assert len(steps) >= 5
