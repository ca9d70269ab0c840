"""Prediction in the session: stored models, evaluated without scikit-learn where possible."""
