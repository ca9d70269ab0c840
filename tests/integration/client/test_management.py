"""Model manager and registry against the real server."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motadata_ml import (
    DatabaseConfig,
    MLSystem,
    create_async_ml_system,
    create_ml_system,
    create_model_manager,
    create_predictor,
    create_trainer,
    errors,
)


def test_models_go_through_their_life(system: MLSystem) -> None:
    X = pd.DataFrame({"a": np.arange(40.0)})
    manager = system.model_manager
    for _ in range(2):
        system.train_model("life", "regression", (X, X["a"]), algorithm="LinearRegression")
    listed = next(model for model in manager.list_models() if model["model_id"] == "life")
    assert listed["versions"] == 2
    versions = [row["version"] for row in manager.versions("life")]
    assert listed["deployed_version"] == versions[-1]
    assert manager.deploy("life", versions[0]) == versions[0]
    assert system.predict("life", [1])["model_version"] == versions[0]
    assert system.predict("life", [1], version=versions[1])["model_version"] == versions[1]
    assert manager.rollback("life") == versions[1]
    assert manager.delete_model("life", version=versions[0]) is True
    assert "life" in manager.list_models()._repr_html_()
    assert manager.delete_model("life") is True
    with pytest.raises(errors.ModelNotFoundError):
        manager.get_model_info("life")


def test_tenants_do_not_see_each_other(make_role: Any) -> None:
    X = pd.DataFrame({"a": np.arange(40.0)})
    with (
        create_ml_system(make_role("red").conninfo()) as red,
        create_ml_system(make_role("blue").conninfo()) as blue,
    ):
        red.train_model("mine", "regression", (X, X["a"]), algorithm="LinearRegression")
        assert [model["model_id"] for model in red.model_manager.list_models()] == ["mine"]
        assert blue.model_manager.list_models() == []
        with pytest.raises(errors.ModelNotFoundError):
            blue.predict("mine", [1])
        with pytest.raises(errors.TenantNotPermittedError):
            blue.predict("mine", [1], tenant_id="red")


def test_evaluation_scores_frames_and_tables_alike(trained: MLSystem, tickets: pd.DataFrame) -> None:
    trained.data_processor.to_table(tickets, "scored")
    by_table = trained.model_manager.evaluate("tickets", "scored")
    by_pair = trained.model_manager.evaluate("tickets", (tickets.drop(columns="category"), tickets["category"]))
    by_frame = trained.model_manager.evaluate("tickets", tickets, target="category")
    assert by_table == by_pair == by_frame
    assert by_table["n_test"] == len(tickets)
    with pytest.raises(errors.InvalidArgumentError):
        trained.model_manager.evaluate("tickets", tickets, target="nope")


def test_factories_make_the_parts(config: DatabaseConfig, system: MLSystem) -> None:
    assert create_model_manager(system) is system.model_manager
    assert create_trainer(system) is system.trainer
    assert create_predictor(system) is system.predictor
    for create in (create_model_manager, create_trainer, create_predictor):
        part = create(config)
        part.db.close()


def test_description_of_data_is_what_the_upload_uses(system: MLSystem, tickets: pd.DataFrame) -> None:
    described = system.data_processor.describe(tickets).set_index("column")
    assert described.loc["opened", "sql_type"] == "timestamp"
    assert described.loc["channel", "missing"] == tickets["channel"].isna().sum()


def test_asynchronous_twin_gives_the_same(config: DatabaseConfig, trained: MLSystem, tickets: pd.DataFrame) -> None:
    X = tickets.drop(columns="category")

    async def work() -> None:
        system = await create_async_ml_system(config)
        try:
            assert await system.predict("tickets", X.iloc[0]) == trained.predict("tickets", X.iloc[0])
            frame = await system.predict_batch("tickets", X, as_frame=True)
            pd.testing.assert_frame_equal(frame, trained.predict_batch("tickets", X, as_frame=True))
            result = await system.train_model(
                "awaited", "classification", (X, tickets["category"]), algorithm="LogisticRegression"
            )
            assert result["status"] == "completed"
            assert [row["version"] for row in await system.model_manager.versions("awaited")] == ["1.0.0"]
            with pytest.raises(errors.ModelNotFoundError):
                await system.predict("nothing", {"a": 1})
            assert await system.model_manager.delete_model("awaited") is True
        finally:
            await system.db.close()

    asyncio.run(work())


def test_cancelling_the_task_cancels_the_training(config: DatabaseConfig) -> None:
    rng = np.random.default_rng(0)
    data = (rng.random((20_000, 10)), rng.random(20_000) > 0.5)

    async def work() -> None:
        system = await create_async_ml_system(config)
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await system.train_model(
                        "cancelled", "classification", data, hyperparameters={"n_estimators": 1000}
                    )
            with pytest.raises(errors.ModelNotFoundError):
                await system.model_manager.get_model_info("cancelled")
        finally:
            await system.db.close()

    asyncio.run(work())
