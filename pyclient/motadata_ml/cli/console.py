"""What the commands share: how they speak and how they fail."""

from __future__ import annotations

import functools
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import psycopg
import typer

from motadata_ml._printable import printable
from motadata_ml.install import SetupError

P = ParamSpec("P")
R = TypeVar("R")


class Steps:
    """Says each step with the time since the command began."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say one step."""
        typer.echo(f"[{time.monotonic() - self._started:5.1f} s] {printable(text)}")


def program() -> str:
    """Return how to call this program again: by its name where the shell finds it, else by its path."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which(called.name)
    return called.name if found and Path(found).resolve() == called.resolve() else str(called)


def fail(message: str, remedy: str) -> typer.Exit:
    """Say what is wrong and what to do, and return what ends the command with status 1."""
    typer.secho(f"error: {printable(message, lines=True)}", fg="red", err=True)
    typer.echo(f"remedy: {printable(remedy, lines=True)}", err=True)
    return typer.Exit(1)


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what a command may raise into a message and a remedy; no traceback for what a user can repair."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SetupError as error:
            raise fail(str(error), error.remedy) from error
        except psycopg.Error as error:
            hint = error.diag.message_hint or "Run: motadata-ml doctor"
            raise fail(str(error.diag.message_primary or error).strip(), hint) from error

    return run
