"""``src.core.machine_learning.mlops`` as documented."""

from motadata_ml.mlops import ExperimentTracker, create_experiment_tracker

__all__ = ["ExperimentTracker", "create_experiment_tracker"]
