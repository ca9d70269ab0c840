"""Support tickets with free text, a category and dates. The tickets are generated, not real."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from motadata_ml.demo._steps import Show

_SUBJECTS = {
    "network": ["vpn drops every few minutes", "cannot reach the file server", "wifi is slow in building {n}"],
    "hardware": ["laptop screen stays black", "keyboard of desk {n} is broken", "printer on floor {n} jams"],
    "access": ["password expired and login fails", "please unlock account {n}", "need rights on share {n}"],
    "software": ["the editor crashes on start", "update {n} fails to install", "licence for tool {n} is missing"],
}
_TAILS = ["since this morning", "please help", "it worked last week", "this is urgent", "thanks in advance"]
_CHANNELS = ["mail", "phone", "portal"]
ROWS = 2_000

_TRAIN = """
select status, model_version, training_time, metrics
from ml.train('ticket_category', 'classification', 'tickets', 'category',
    features => array['subject', 'channel', 'priority', 'opened'])
"""

_PREDICT = """
select ml.predict('ticket_category', '{"subject": "the vpn is slow and drops, please help", "channel": "mail",
    "priority": 2, "opened": "2026-03-02T09:30:00"}')
"""


def generate(rows: int, seed: int = 7) -> list[tuple[str, str | None, int, datetime, str]]:
    """Generate tickets.

    Parameters
    ----------
    rows : int
        How many.
    seed : int
        Of the random draws.

    Returns
    -------
    list of tuple
        subject, channel (some unknown), priority, opened, category.
    """
    draw = random.Random(seed)  # noqa: S311 - example data
    start = datetime(2026, 1, 1, tzinfo=UTC)
    tickets = []
    for _ in range(rows):
        category = draw.choice(list(_SUBJECTS))
        # One ticket in twenty is filed under the wrong words, so that no model can be perfect.
        words = draw.choice(_SUBJECTS[category if draw.random() > 0.05 else draw.choice(list(_SUBJECTS))])
        subject = f"{words.format(n=draw.randint(1, 40))}, {draw.choice(_TAILS)}"
        channel = draw.choice(_CHANNELS) if draw.random() > 0.1 else None
        opened = start + timedelta(minutes=draw.randint(0, 100_000))
        tickets.append((subject, channel, draw.randint(1, 4), opened, category))
    return tickets


def run(connection: psycopg.Connection[Any], show: Show) -> None:
    """Generate tickets, train on them and predict one."""
    show.heading(f"Tickets: {ROWS:,} generated support tickets with free text, a category and dates")
    with show.step("generate and load into table tickets"):
        connection.execute("drop table if exists tickets")
        connection.execute(
            "create table tickets (subject text, channel text, priority integer, opened timestamptz, category text)"
        )
        with connection.cursor() as cursor, cursor.copy("copy tickets from stdin") as copy:
            for ticket in generate(ROWS):
                copy.write_row(ticket)
    metrics = show.query(connection, "train", _TRAIN)[0][3]
    show.rows(
        ["rows scored on", "accuracy", "majority class"],
        [[metrics["n_test"], f"{metrics['accuracy']:.3f}", f"{metrics['majority_class_accuracy']:.3f}"]],
    )
    show.text(f"  {show.query(connection, 'predict one ticket', _PREDICT)[0][0]}")
