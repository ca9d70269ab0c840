"""How good models are without thought: ``ml.train`` by default against FLAML, a forest and boosting, on real tables.

``python -m benchmarks.quality PEER [--quick | --long] [TABLE ...]``: PEER is the Python of an environment with FLAML.
Every way has the same rows and the same held out quarter; what counts is log loss, or 1 - r2, on that quarter. Without
tables it writes ``docs/quality.md``: of four in some minutes with ``--quick``, of all within half an hour, and with
``--long``, which takes an hour more, also of searches of 120 seconds.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql
from sklearn.metrics import log_loss, r2_score

from benchmarks.quality_peer import CLASSIFIED, NAMES
from benchmarks.server import running_server

PAGE: Final = Path(__file__).parents[1] / "docs" / "quality.md"
QUICK: Final = ("hpc", "titanic", "concrete", "diabetes")
OURS: Final = {
    "default": "",
    "forest": ", algorithm => 'random_forest'",
    "boosting": ", algorithm => 'hist_gradient_boosting'",
}
"""Ways of ours, and what they add to the call."""
FLAML_SECONDS: Final = {"--quick": (10,), "": (20, 30), "--long": (20, 30, 120)}
BEST_SECONDS: Final = {"--quick": (10,), "": (30,), "--long": (30, 120)}
"""How long each side's searches take, by how much is asked for; the default is compared with the first of theirs."""

Losses = dict[str, dict[str, dict[str, Any]]]
"""By table and by way: loss and seconds."""


def main(arguments: Sequence[str]) -> int:
    """Measure all tables and write the page."""
    peer, *more = arguments
    effort = next((one for one in more if one.startswith("--")), "")
    named = [one for one in more if not one.startswith("--")]
    names = named or (QUICK if effort == "--quick" else NAMES)
    losses: Losses = {name: {} for name in names}
    with TemporaryDirectory(prefix="motadata-ml-quality-") as folder, running_server() as dsn:
        compared = json.loads(_peer(peer, "tables", folder, *names))
        with psycopg.connect(dsn, autocommit=True) as session:
            for name in names:
                _load(session, Path(folder) / f"{name}.csv", name)
                for way, call in _ways(effort).items():
                    losses[name][way] = _ours(session, name, call)
                    _say(name, way, losses)
        for name in names:
            for seconds in FLAML_SECONDS[effort]:
                way = f"FLAML {seconds} s"
                losses[name][way] = json.loads(_peer(peer, "flaml", folder, str(seconds), name))
                _say(name, way, losses)
    if named:
        print(page(losses, compared))
    else:
        PAGE.write_text(page(losses, compared))
    return 0


def _ways(effort: str) -> dict[str, str]:
    """Return our ways, and what they add to the call."""
    searches = {
        f"best {seconds} s": f", algorithm => 'best', execution => '{{\"seconds\": {seconds}}}'"
        for seconds in BEST_SECONDS[effort]
    }
    return {**OURS, **searches}


def _peer(peer: str, *arguments: str) -> str:
    done = subprocess.run(
        # -P: http.py lies beside it; faulthandler: a library that aborts says in which call
        [peer, "-X", "faulthandler", "-P", Path(__file__).with_name("quality_peer.py"), *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )
    return done.stdout.strip().splitlines()[-1]


def _say(name: str, way: str, losses: Losses) -> None:
    found = losses[name][way]
    print(f"{name:14} {way:12} {found['loss']:.4f} {found['seconds']:6.1f} s {found.get('best', '')}", flush=True)


def _load(session: psycopg.Connection[Any], file: Path, name: str) -> None:
    """Make a table of a CSV file: numbers where all values of a column are, else text; empty is NULL."""
    with file.open(newline="") as lines:
        header, *rows = csv.reader(lines)
    numeric = {column for at, column in enumerate(header) if all(_is_number(row[at]) for row in rows)}
    kinds = {"held": "boolean", **({"target": "text"} if name in CLASSIFIED else {})}
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(
            sql.Identifier(column), sql.SQL(kinds.get(column, "double precision" if column in numeric else "text"))
        )
        for column in header
    )
    session.execute(sql.SQL("create table {} ({})").format(sql.Identifier(name), columns))
    with session.cursor().copy(sql.SQL("copy {} from stdin").format(sql.Identifier(name))) as copy:
        for row in rows:
            copy.write_row([value if value != "" else None for value in row])


def _is_number(value: str) -> bool:
    try:
        float(value or "nan")
    except ValueError:
        return False
    return True


def _ours(session: psycopg.Connection[Any], name: str, more: str) -> dict[str, Any]:
    """Train on the rows that are not held out, and return the loss on those that are."""
    model_type = "classification" if name in CLASSIFIED else "regression"
    columns = ", ".join(
        f'"{row[0]}"'
        for row in session.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attname <> 'held'",
            [name],
        )
    )
    started = time.monotonic()
    session.execute(
        f"select ml.train(%s, %s, %s, 'target', test_size => 0{more})".encode(),
        [name, model_type, f'select {columns} from "{name}" where not held'],
    )
    took = time.monotonic() - started
    info = session.execute("select ml.get_model_info(%s)", [name]).fetchone()
    held = f'select * from "{name}" where held'
    found = session.execute(
        f"select (p.row_data ->> 'target'), b.value, b.probabilities from (select row_number() over () as at, "
        f"to_jsonb(t) as row_data from ({held}) t) p join ml.predict_batch(%s, %s) b on b.id::bigint = p.at".encode(),
        [name, held],
    ).fetchall()
    assert info is not None
    truth = [row[0] for row in found]
    if model_type == "regression":
        loss = 1 - float(r2_score([float(one) for one in truth], [row[1] for row in found]))
    else:
        classes = info[0]["classes"]
        loss = float(log_loss([classes.index(one) for one in truth], np.array([row[2] for row in found]),
                              labels=range(len(classes))))  # fmt: skip
    return {"loss": loss, "seconds": took, "best": info[0]["algorithm"]}


def page(losses: Losses, compared: Mapping[str, str]) -> str:
    """Return the page of the losses.

    Parameters
    ----------
    losses : dict
        By table and by way.
    compared : mapping of str to str
        Versions of what is compared with, by package.
    """
    return "\n".join(_lines(losses, compared)) + "\n"


def _lines(losses: Losses, compared: Mapping[str, str]) -> Iterator[str]:
    ways = list(next(iter(losses.values())))
    peer = next(way for way in ways if way.startswith("FLAML"))
    yield "# How good models are without thought\n"
    yield "Written by `make bench-quality`. The loss on a quarter of the rows that no way has seen, the same for all:"
    yield "log loss of classes, 1 - r2 of numbers; lower is better. *default* is `ml.train` without an algorithm,"
    yield "*forest* and *boosting* are scikit-learn's with their defaults. The seed of the split is 7, of our fits 42,"
    yield f"of FLAML's 0. {os.cpu_count()} cores, a load of {os.getloadavg()[1]:.1f} as the run ended: a busy machine"
    yield "makes FLAML worse, whose budget is in seconds, and ours slower alone."
    yield ""
    theirs = ", ".join(f"{name} {number}" for name, number in compared.items())
    yield f"Ours: scikit-learn {version('scikit-learn')}. Theirs: {theirs}."
    yield ""
    yield f"| table | {' | '.join(ways)} | default / {peer} | default took | it chose |"
    yield f"| --- |{' ---: |' * (len(ways) + 2)} --- |"
    for name, found in losses.items():
        cells = " | ".join(f"{found[way]['loss']:.4f}" for way in ways)
        ratio = found["default"]["loss"] / found[peer]["loss"]
        yield f"| {name} | {cells} | {ratio:.2f} | {found['default']['seconds']:.1f} s | `{found['default']['best']}` |"
    ranks = [np.argsort(np.argsort([found[way]["loss"] for way in ways])) + 1.0 for found in losses.values()]
    yield f"| *mean rank* | {' | '.join(f'{rank:.2f}' for rank in np.mean(ranks, axis=0))} | | | |"
    near = sum(found["default"]["loss"] <= 1.05 * found[peer]["loss"] for found in losses.values())
    yield ""
    yield f"The default is within 5 % of {peer}, or better, on {near} of {len(losses)} tables."
    for way in ways:
        rival = way.replace("best", "FLAML")
        if way.startswith("best") and rival in ways:
            better = sum(found[way]["loss"] <= found[rival]["loss"] for found in losses.values())
            yield f"*{way}* loses no more than {rival} on {better} of {len(losses)}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
