"""The site of the documentation, built without a network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.environments import environment
from tests.packaging.test_recipes import without_network
from tests.unit.tooling.pages import ROOT


def test_site_is_built_and_searched_without_a_network(tmp_path: Path) -> None:
    programs = environment(tmp_path / "environment", ROOT / "tools" / "site" / "requirements.txt")
    site = tmp_path / "site"
    code = (
        "import sys; from pathlib import Path; from tools.site.__main__ import build; build(*map(Path, sys.argv[1:]))"
    )
    build: list[str | Path] = [*without_network(), sys.executable, "-B", "-c", code, programs / "mkdocs", site]
    subprocess.run(build, check=True, cwd=ROOT)
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    loaded = re.compile(r"<(?:script|img|link)\b[^>]*?\b(?:src|href)=\"?(https?:[^\" >]+)")
    assert {address for page in pages for address in loaded.findall(page.read_text(encoding="utf-8"))} <= {
        "https://squidfunk.github.io/mkdocs-material/"
    }
    index = (site / "index.html").read_text(encoding="utf-8")
    assert "docs/session.svg" in index
    forecasting = (site / "docs" / "notebooks" / "forecasting.html").read_text(encoding="utf-8")
    assert "<svg" in forecasting
    assert 'class="dataframe"' in forecasting
    words = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    texts = " ".join(entry["title"] for entry in words["docs"])
    assert "ML017: training ran out of memory" in texts
    assert "ml.predict_batch" in texts
