"""``src.core.machine_learning.model_serving`` as documented; needs the extra ``serving``."""

from motadata_ml.model_serving import ModelServer, create_model_server

__all__ = ["ModelServer", "create_model_server"]
