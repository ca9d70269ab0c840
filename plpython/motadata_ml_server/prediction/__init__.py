"""Prediction in the session."""
