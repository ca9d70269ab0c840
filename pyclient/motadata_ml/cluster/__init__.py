"""A private PostgreSQL cluster: its own folder, port and password, no service touched."""

from motadata_ml.cluster.layout import default_home
from motadata_ml.cluster.lifecycle import Cluster, down, status, up

__all__ = ["Cluster", "default_home", "down", "status", "up"]
