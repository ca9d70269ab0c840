"""Getting started: the documented program, written against the documented import paths."""

import os

import pandas as pd
from src.core.machine_learning import MLTrainingError, ModelNotFoundError
from src.core.machine_learning.ml_framework import (
    create_ml_system,
    create_model_manager,
    create_predictor,
    create_trainer,
)
from src.core.machine_learning.mlops import create_experiment_tracker
from src.core.machine_learning.model_serving import create_model_server
from src.core.postgresql_database import DatabaseConfig, DatabaseConnection

# 1. Connect
db = DatabaseConnection(
    DatabaseConfig(
        host=os.environ["PGHOST"],
        port=int(os.environ["PGPORT"]),
        database=os.environ["PGDATABASE"],
        user=os.environ["PGUSER"],
        password=os.environ.get("PGPASSWORD"),
    )
)
db.connect()

# 2. Create the system
ml = create_ml_system(db=db, tenant_id="tenant_123", max_memory_mb=2048, cache=None, enable_gpu=False)

# 3. Load the data
data = pd.read_csv("tickets.csv", parse_dates=["created_at"])
X = data.drop(columns=["category"])
y = data["category"]

# 4. Train
result = ml.train_model(
    model_id="ticket_classifier",
    model_type="classification",
    training_data=(X, y),
    hyperparameters={"n_estimators": 100, "max_depth": 10, "learning_rate": 0.1},
    tenant_id="tenant_123",
)
print(f"Training {result['status']} in {result['training_time']:.2f} s, version {result['model_version']}")
print(f"Accuracy: {result['metrics']['accuracy']:.2%}, F1: {result['metrics']['f1_score']:.2%}")

# 5. Predict one ticket, as a row and as a dict
by_row = ml.predict(model_id="ticket_classifier", input_data=X.iloc[0], tenant_id="tenant_123")
by_dict = ml.predict(
    model_id="ticket_classifier",
    input_data={
        "subject": "cannot login since the password expired",
        "priority": 2,
        "channel": "mail",
        "response_hours": 1.5,
        "created_at": "2025-03-01T10:00:00",
    },
    tenant_id="tenant_123",
)
print(f"Prediction: {by_dict['prediction']}, confidence {by_dict['confidence']:.2%}")
print(f"Probabilities: {by_dict['probabilities']}")

# 6. Predict many
batch = ml.predict_batch(model_id="ticket_classifier", input_data=X, tenant_id="tenant_123")
frame = ml.predict_batch(model_id="ticket_classifier", input_data=X, tenant_id="tenant_123", as_frame=True)
print(f"Right: {(frame['prediction'] == y).mean():.2%} of {len(batch)}")

# 7. Manage models
models = ml.model_manager.list_models("tenant_123")
info = ml.model_manager.get_model_info("ticket_classifier", "tenant_123")
print(f"Models: {[model['model_id'] for model in models]}, algorithm {info['algorithm']}")

# 8. The parts by themselves
manager = create_model_manager(db, tenant_id="tenant_123")
trainer = create_trainer(db, tenant_id="tenant_123")
predictor = create_predictor(db, tenant_id="tenant_123")
again = trainer.train_model(
    model_id="ticket_classifier", model_type="classification", training_data=(X, y), validation_data=(X, y)
)
print(f"Retrained: version {again['model_version']}")
print(f"Predicted by {predictor.predict('ticket_classifier', X.iloc[1])['model_version']}")
print(f"Rolled back to {manager.rollback('ticket_classifier')}")

# 9. Errors
try:
    ml.train_model(model_id="broken", model_type="classification", training_data=(X, ["same"] * len(X)))
except MLTrainingError as error:
    print(f"Refused: {error.error_type}: {error.message}")
try:
    ml.predict(model_id="missing", input_data=X.iloc[0])
except ModelNotFoundError as error:
    print(f"Missing: {error.model_id}")

# 10. Track experiments
tracker = create_experiment_tracker("tenant_123")
with tracker.start_run("baseline"):
    tracker.log_params({"n_estimators": 100})
    tracker.log_metrics({"accuracy": result["metrics"]["accuracy"]})
print(f"Runs: {sorted(tracker.runs()['kind'])}")

# 11. Serve
server = create_model_server(ml.model_manager, host="127.0.0.1", port=0)
server.start()
print(f"Serving {'/api/ml/predict/{model_id}' in server.app.openapi()['paths']}")
server.stop()

# 12. Clean up
print(f"Deleted: {ml.model_manager.delete_model('ticket_classifier', 'tenant_123')}")
db.close()
