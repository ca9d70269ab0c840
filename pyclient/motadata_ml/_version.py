"""The version of the client package, equal to the extension's."""

__version__ = "0.3.0"
