"""Serve predictions over HTTP; needs the extra ``serving``."""

from motadata_ml.model_serving._keys import create_api_key, list_api_keys, revoke_api_key
from motadata_ml.model_serving._options import ServingOptions
from motadata_ml.model_serving._server import ModelServer, create_model_server

__all__ = [
    "ModelServer",
    "ServingOptions",
    "create_api_key",
    "create_model_server",
    "list_api_keys",
    "revoke_api_key",
]
