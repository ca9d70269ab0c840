"""Write docs/licences.md: under which licence each package of the images is, by its own metadata."""

from __future__ import annotations

import re
import sys
from importlib import metadata

from tools.supply import locks

PAGE = locks.ROOT / "docs" / "licences.md"
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "PSF-2.0", "Zlib"),
    "LGPL-3.0-only",  # psycopg, used as the library it is and unchanged
}
ALLOWED_WHILE_BUILDING = {*ALLOWED, "MPL-2.0"}
"""What may be used to build an image, and is not in it."""

_NAMES = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license v2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit license (mit)": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}
_HEAD = """# Licences

The packages in the images, by their own metadata; `make licences` writes this page from `docker/requirements-*.lock`.
The project is under Apache-2.0. PostgreSQL, Python and what else comes from Debian is under the licences in
`/usr/share/doc`.

| package | version | licence | image |
| --- | --- | --- | --- |
"""


def licence(package: str) -> str:
    """Return the SPDX expression of an installed package's licence.

    Its licence expression comes first, then its licence field and its classifiers, then the first line of the
    licence that it brings along.

    Raises
    ------
    ValueError
        None of them says which.
    """
    found = metadata.distribution(package)
    (expression,) = found.metadata.get_all("License-Expression") or [""]
    if expression:
        return str(expression)
    names = [text.strip() for text in found.metadata.get_all("License") or []]
    names += [
        text.rpartition("::")[2].strip() for text in found.metadata.get_all("Classifier") or [] if "License ::" in text
    ]
    files = [file for file in found.files or () if re.fullmatch(r"(?i)licen[cs]e(\.txt|\.md)?", file.name)]
    texts = [file.read_text() for file in files]
    for text in [*names, *(text.lstrip().partition("\n")[0] for text in texts)]:
        name = _NAMES.get(text.lower(), text)
        if name in ALLOWED_WHILE_BUILDING:
            return str(name)
    if "BSD License" in names and any("Neither the name" in text for text in [*names, *texts]):
        return "BSD-3-Clause"
    said = [text[:60] for text in names]
    raise ValueError(f"{package} does not say its licence in a way known here: {said}")


def terms(expression: str) -> set[str]:
    """Return the licences that an SPDX expression names."""
    return set(re.split(r"\s+(?:AND|OR)\s+|[()]", expression)) - {""}


def page() -> str:
    """Return the text of the page."""
    uses: dict[tuple[str, str], list[str]] = {}
    for image, words in locks.IMAGES.items():
        for pin in locks.read(image).values():
            uses.setdefault((pin.name, str(pin.version)), []).append(words)
    rows = [
        f"| {name} | {version} | {licence(name)} | {', '.join(images)} |"
        for (name, version), images in sorted(uses.items())
    ]
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
