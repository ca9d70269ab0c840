"""The site of the documentation has every page, and leads to the repository for what it does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site.pages import BESIDE, INDEX, built, found, lay_out, linked, repository, sections


def test_navigation_has_every_page_once() -> None:
    listed = [page for pages in sections().values() for page in pages]
    assert len(listed) == len(set(listed))
    reached_from_others = {page for page in found() if page.startswith("docs/decisions/0")} | {*BESIDE, INDEX}
    assert {*map(built, found())} - set(listed) <= reached_from_others
    assert listed[0] == "README.md"


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("[a](client.md)", "client.md"),
        ("[a](client.md#training)", "client.md#training"),
        ("[a](#here)", "#here"),
        ("[a](https://example.com/x)", "https://example.com/x"),
        ("![a](session.svg)", "session.svg"),
        ("[a](notebooks/classification.ipynb)", "notebooks/classification.md"),
        ("[a](../tests/unit/x.py)", f"{repository()}/tests/unit/x.py"),
        ("[a](../sql/README.md#b)", f"{repository()}/sql/README.md#b"),
    ],
)
def test_link_leads_within_the_site_or_into_the_repository(link: str, leads: str) -> None:
    assert linked(link, "docs/index.md").endswith(f"]({leads})")


def test_pages_are_laid_out_with_their_pictures(tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert (tmp_path / "docs" / "session.svg").is_file()
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")} == {*map(built, found())}
