"""The factory API from Python: the tickets again, from a DataFrame."""

from __future__ import annotations

import pandas as pd

from motadata_ml.demo._steps import Show
from motadata_ml.demo._tickets import ROWS, generate
from motadata_ml.ml_framework import create_ml_system
from motadata_ml.mlops import create_experiment_tracker
from motadata_ml.postgresql_database import DatabaseConfig, DatabaseConnection

MODEL = "ticket_classifier"


def run(dsn: str, show: Show) -> None:
    """Train, predict, manage and track through the Python client."""
    show.heading("Python: create_ml_system, train_model, predict, predict_batch, model_manager, tracker")
    columns = ["subject", "channel", "priority", "opened", "category"]
    tickets = pd.DataFrame(generate(ROWS), columns=columns)
    features, target = tickets.drop(columns="category"), tickets["category"]
    with DatabaseConnection(DatabaseConfig.from_dsn(dsn)) as database:
        ml = create_ml_system(database, max_memory_mb=2048)
        with show.step("train_model on a DataFrame"):
            result = ml.train_model(
                model_id=MODEL,
                model_type="classification",
                training_data=(features, target),
                hyperparameters={"n_estimators": 50, "max_depth": 3, "learning_rate": 0.1},
            )
        show.text(f"  version {result['model_version']}, accuracy {result['metrics']['accuracy']:.3f}")
        with show.step("predict one ticket"):
            answer = ml.predict(model_id=MODEL, input_data=features.iloc[0])
        show.text(f"  {answer['prediction']}, confidence {answer['confidence']:.3f}")
        with show.step(f"predict_batch of {ROWS:,} tickets into a DataFrame"):
            frame = ml.predict_batch(model_id=MODEL, input_data=features, as_frame=True)
        show.text(f"  right: {(frame['prediction'] == target).mean():.3f}")
        info = ml.model_manager.get_model_info(MODEL)
        show.text(f"  models: {', '.join(model['model_id'] for model in ml.model_manager.list_models())}")
        show.text(f"  algorithm {info['algorithm']}, runtime {info['runtime']['name']}")
        tracker = create_experiment_tracker(db=database)
        with tracker.start_run("demonstration"):
            tracker.log_params({"n_estimators": 50})
            tracker.log_metrics({"accuracy": result["metrics"]["accuracy"]})
        show.text(f"  runs tracked: {len(tracker.runs())}")
