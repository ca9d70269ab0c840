"""Where released SQL bodies import what runs with the owner's rights."""

from motadata_ml_server.postgres.owner import run_pending

__all__ = ["run_pending"]
