"""Stored models: what is written, and what is checked before anything is read back."""

from motadata_ml_server.persistence.onnx_intake import check_onnx
from motadata_ml_server.persistence.skops_store import dump, load

__all__ = ["check_onnx", "dump", "load"]
