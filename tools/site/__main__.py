"""Build the site into dist/site: `python -m tools.site MKDOCS`, with the program of the site's own environment."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.site.pages import INDEX, ROOT, lay_out, sections

SITE = ROOT / "dist" / "site"


def settings(pages: Path, site: Path) -> dict[str, object]:
    """Return what MkDocs is told: nothing is fetched from elsewhere, by the build or by a reader."""
    return {
        "site_name": "motadata_ml",
        "docs_dir": str(pages),
        "site_dir": str(site),
        "use_directory_urls": False,  # so that it can be read from the folder
        "theme": {
            "name": "material",
            "font": False,
            "features": ["content.code.copy", "navigation.sections", "navigation.top", "search.highlight"],
        },
        "plugins": ["search"],
        "markdown_extensions": ["tables", "pymdownx.superfences", "pymdownx.tasklist", {"toc": {"permalink": True}}],
        "nav": [*({title: pages_below} for title, pages_below in sections().items()), {"All pages": INDEX}],
        "validation": {"omitted_files": "ignore", "anchors": "warn", "not_found": "warn"},
    }


def build(mkdocs: Path, site: Path) -> None:
    """Build the site; a link that leads nowhere fails it.

    Raises
    ------
    subprocess.CalledProcessError
        It fails; MkDocs has said why.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pages, config = Path(scratch, "pages"), Path(scratch, "mkdocs.yml")
        lay_out(pages)
        config.write_text(json.dumps(settings(pages, site)), encoding="utf-8")  # JSON is YAML
        subprocess.run([mkdocs, "build", "-q", "--strict", "-f", config], check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]), SITE)
    sys.stdout.write(f"wrote {SITE.relative_to(ROOT)}/index.html\n")
