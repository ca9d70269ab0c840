"""The version of the client package, equal to the extension's, and the file that pip installs it from."""

__version__ = "0.3.0"

WHEEL = f"motadata_ml-{__version__}-py3-none-any.whl"
"""The file that `make dist` leaves in dist/; no registry has it."""


def how_to_add(*extras: str) -> str:
    """Say how to install the package with what some extras need.

    Parameters
    ----------
    *extras : str
        Such as ``serving``.
    """
    wanted = f"{WHEEL}[{','.join(extras)}]"
    return f"pip install '{wanted}' with this environment's pip; `make dist` in a checkout makes the file"
