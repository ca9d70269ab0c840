"""The server side of motadata_ml: everything a SQL function body calls."""

__version__ = "0.3.0"
