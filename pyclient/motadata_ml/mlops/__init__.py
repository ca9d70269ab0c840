"""Track experiments in the database, beside the models."""

from motadata_ml.mlops._tracker import ExperimentTracker, Run, create_experiment_tracker

__all__ = ["ExperimentTracker", "Run", "create_experiment_tracker"]
