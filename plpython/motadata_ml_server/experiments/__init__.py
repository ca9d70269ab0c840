"""Experiments: runs that a client logs, with their parameters and metrics."""
