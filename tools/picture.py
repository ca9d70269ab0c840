"""The README's picture: a session of psql as it was, drawn as SVG.

``make picture`` runs it on the tables of the demonstration in the private cluster.
"""

from __future__ import annotations

import subprocess
import sys
from html import escape
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "docs" / "session.svg"

STATEMENTS = (
    "select status, round((metrics ->> 'roc_auc')::numeric, 2) as roc_auc\n"
    "from ml.train('delays', 'classification',\n"
    "    'select dep_delay, carrier, dest, arr_delay >= 15 as late from flights', 'late');",
    "select carrier, flight, dest, dep_delay, ml.predict_label('delays', to_jsonb(f)) as late, arr_delay\n"
    "from flights f where month = 12 and day = 24 and dep_delay > 30 order by id limit 4;",
    "select model_id, version, deployed, algorithm from ml.model_versions where model_id = 'delays';",
)

_WIDTH, _LINE, _LETTER, _EDGE = 96, 20, 8.4, 18
_STYLE = (
    "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}"
    ".said{fill:#f2f4f8}.told{fill:#9fd0a8}.prompt{fill:#7f8ea3}"
)


def session(dsn: str) -> str:
    """Run the statements in psql; returns what a terminal shows of it.

    Parameters
    ----------
    dsn : str
        A database with the demonstration's tables.
    """
    run = "\n".join(f"\\echo @@@\n{each}" for each in STATEMENTS)
    script = f"set client_min_messages = warning;\nbegin;\n{run}\nrollback;\n"  # the model goes too
    done = subprocess.run(["psql", "-X", "-q", dsn], input=script, capture_output=True, text=True, check=True)
    lines = []
    for statement, answer in zip(STATEMENTS, done.stdout.split("@@@\n")[1:], strict=True):
        first, *more = statement.split("\n")
        lines += [f"motadata=# {first}", *(f"motadata-# {line}" for line in more)]
        lines += [line.rstrip() for line in answer.rstrip("\n").split("\n")] + [""]
    return "\n".join(lines[:-1])


def svg(text: str) -> str:
    """Draw a session: what was typed, and what came back.

    Parameters
    ----------
    text : str
        As `session` returns it.
    """
    lines = text.split("\n")
    width = round(max(_WIDTH, *map(len, lines)) * _LETTER) + 2 * _EDGE
    height = len(lines) * _LINE + 2 * _EDGE
    drawn = []
    for number, line in enumerate(lines):
        prompt, sign, rest = line.partition("# ")
        known = prompt in {"motadata=", "motadata-"}
        parts = [("prompt", prompt + sign), ("said", rest)] if known else [("told", line)]
        spans = "".join(f'<tspan class="{kind}">{escape(part)}</tspan>' for kind, part in parts if part)
        if spans:
            drawn.append(f'<text x="{_EDGE}" y="{_EDGE + 14 + number * _LINE}" xml:space="preserve">{spans}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' role="img" aria-label="A session of psql that trains a model on flights, predicts, and lists it">',
            f"<style>{_STYLE}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#17202c"/>',
            *drawn,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(svg(session(sys.argv[1])), encoding="utf-8")
