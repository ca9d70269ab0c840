"""The command line, `motadata-ml`."""

from motadata_ml.cli.app import app, main

__all__ = ["app", "main"]
