"""Training and predicting on real data, step by step, on a private cluster."""

from motadata_ml.demo._run import main

__all__ = ["main"]
