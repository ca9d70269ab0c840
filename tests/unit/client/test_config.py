"""Where a configuration comes from, and what it never shows."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from motadata_ml import DatabaseConfig, DatabaseConnection
from motadata_ml.errors import InvalidArgumentError


def test_documented_arguments_become_a_connection_string() -> None:
    config = DatabaseConfig(host="h", port=5433, database="d", user="u", password="p'x \\")
    words = conninfo_to_dict(config.conninfo())
    assert (words["host"], words["port"], words["dbname"], words["user"]) == ("h", "5433", "d", "u")
    assert words["password"] == "p'x \\"


def test_password_is_never_shown() -> None:
    config = DatabaseConfig.from_dsn("postgresql://u:geheim@h:1/d?sslmode=require")
    shown = repr(config) + config.describe() + repr(DatabaseConnection(config))
    assert "geheim" not in shown
    assert conninfo_to_dict(config.conninfo())["sslmode"] == "require"


def test_unreadable_dsn_is_refused_without_repeating_it() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        DatabaseConfig.from_dsn("host=h password=geheim nonsense")
    assert "geheim" not in str(caught.value)


def test_environment_fills_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "from-env")
    assert "host" not in conninfo_to_dict(DatabaseConfig.from_env().conninfo())


@pytest.mark.parametrize("port", [0, 65536, "5432"])
def test_port_out_of_range_is_refused(port: object) -> None:
    with pytest.raises(InvalidArgumentError, match="port must be"):
        DatabaseConfig(port=port)  # type: ignore[arg-type]  # a wrong type is what is tested


def test_pool_bounds_are_checked() -> None:
    with pytest.raises(InvalidArgumentError, match="min <= max"):
        DatabaseConfig(min_connections=3, max_connections=2)


def test_anything_else_than_a_configuration_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="got int"):
        DatabaseConnection(5)  # type: ignore[arg-type]  # a wrong type is what is tested
