"""A system of the client on a database of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg import sql

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system


@pytest.fixture(scope="module")
def config(module_db: psycopg.Connection[Any]) -> DatabaseConfig:
    """The module's database as the client is told of it."""
    info = module_db.info
    return DatabaseConfig(info.host, info.port, info.dbname, info.user, info.password or None)


@pytest.fixture(scope="module")
def system(config: DatabaseConfig) -> Iterator[MLSystem]:
    """A system as the superuser, in the default tenant."""
    with DatabaseConnection(config) as db:
        yield create_ml_system(db, max_memory_mb=1024)


@pytest.fixture(scope="module")
def make_role(module_db: psycopg.Connection[Any], config: DatabaseConfig) -> Iterator[Callable[..., DatabaseConfig]]:
    """Make a role that may act for some tenants, and return its configuration."""
    made: list[sql.Identifier] = []

    def make(*tenants: str, admin: bool = False) -> DatabaseConfig:
        name, password = f"client_{secrets.token_hex(4)}", secrets.token_hex(8)
        role = sql.Identifier(name)
        module_db.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(password)))
        made.append(role)
        for tenant in tenants:
            module_db.execute("select ml.grant_usage(%s, %s, %s)", (name, tenant, admin))
        return replace(config, user=name, password=password)

    yield make
    for role in made:
        module_db.execute(sql.SQL("drop owned by {}").format(role))
        module_db.execute(sql.SQL("drop role {}").format(role))


@pytest.fixture(scope="module")
def tickets() -> pd.DataFrame:
    """Rows of every kind of column, with a label that follows from them."""
    rng = np.random.default_rng(7)
    rows = 240
    text = rng.choice(["printer is broken", "paper jam", "cannot login", "password expired"], rows)
    frame = pd.DataFrame(
        {
            "Subject": text,
            "priority": rng.integers(1, 5, rows),
            "channel": rng.choice(["mail", "phone"], rows),
            "hours": rng.random(rows).round(3),
            "opened": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**7, rows), unit="s"),
            "vip": rng.random(rows) > 0.9,
            "category": np.where(np.isin(text, ["printer is broken", "paper jam"]), "hardware", "access"),
        },
        index=pd.Index(np.arange(rows) + 1000, name="ticket"),
    )
    frame.loc[frame.index[::17], "hours"] = np.nan
    frame.loc[frame.index[::13], "channel"] = None
    return frame


@pytest.fixture(scope="module")
def trained(system: MLSystem, tickets: pd.DataFrame) -> MLSystem:
    """A system with the model 'tickets'."""
    system.train_model(
        "tickets",
        "classification",
        (tickets.drop(columns="category"), tickets["category"]),
        algorithm="LogisticRegression",
    )
    return system
