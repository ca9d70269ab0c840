"""What tests ask of a session beside its rows."""

from __future__ import annotations

from typing import Any

import psycopg


def has_ended(session: psycopg.Connection[Any]) -> bool:
    """Tell a session that the server has ended, as it does with all when it restarts after a crash."""
    try:
        session.execute("select 1")
    except psycopg.OperationalError:
        return True
    return False


def messages_of(session: psycopg.Connection[Any]) -> list[str]:
    """Return a list to which every message that the server sends from now on is added, its first line alone."""
    heard: list[str] = []
    session.add_notice_handler(lambda diagnostic: heard.append(diagnostic.message_primary or ""))
    return heard
