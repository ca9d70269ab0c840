"""Fitted estimators become forms that a session predicts with."""
