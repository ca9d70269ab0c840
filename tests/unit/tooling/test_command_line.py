"""The command line: help that teaches, errors with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from motadata_ml import __version__
from motadata_ml.cli import app

COMMANDS = {"up", "down", "status", "dsn", "psql", "install", "doctor", "demo", "serve"}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("MOTADATA_ML_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("COLUMNS", "200")
    return CliRunner()


def test_help_lists_every_command(runner: CliRunner) -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    assert set(result.output.split()) >= COMMANDS


def test_no_command_is_undocumented() -> None:
    group = get_command(app)
    commands = getattr(group, "commands", {})
    assert set(commands) >= COMMANDS
    assert all(len(command.help) > 40 for command in commands.values())


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ("up", "motadata-ml psql"),
        ("dsn", "export DATABASE_URL=$(motadata-ml dsn)"),
        ("psql", "motadata-ml psql -f train.sql"),
        ("install", "create extension motadata_ml cascade;"),
        ("doctor", "motadata-ml doctor --dsn"),
        ("serve", "motadata-ml serve --port 9000"),
    ],
)
def test_help_of_a_command_shows_an_example(runner: CliRunner, command: str, example: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert example in result.output


def test_version_is_the_packages(runner: CliRunner) -> None:
    assert runner.invoke(app, ["--version"]).output.strip() == __version__


@pytest.mark.parametrize("command", ["dsn", "status", "psql"])
def test_command_without_a_cluster_says_how_to_get_one(runner: CliRunner, command: str) -> None:
    result = runner.invoke(app, [command])
    assert result.exit_code == 1
    assert "there is no private cluster" in result.stderr
    assert "motadata-ml up" in result.stderr
    assert result.stdout == ""


def test_down_without_a_cluster_does_nothing(runner: CliRunner) -> None:
    result = runner.invoke(app, ["down"])
    assert (result.exit_code, result.output) == (0, "it was not running\n")


def test_doctor_fails_with_a_remedy_where_there_is_no_server(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["doctor", "--pg-config", str(tmp_path / "pg_config")])
    assert result.exit_code == 1
    assert "FAILED server" in result.output
    assert "remedy: Name the pg_config of your server" in result.output


def test_doctor_fails_with_a_remedy_where_nothing_answers(runner: CliRunner) -> None:
    result = runner.invoke(app, ["doctor", "--dsn", "postgresql://nobody@127.0.0.1:1/none"])
    assert result.exit_code == 1
    assert "FAILED connection" in result.output
    assert "Start the server, or correct the DSN." in result.output


def test_install_fails_with_a_remedy_where_there_is_no_server(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["install", "--pg-config", str(tmp_path / "pg_config")])
    assert result.exit_code == 1
    assert "--pg-config" in result.stderr
