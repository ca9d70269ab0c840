"""The contract: which room may import from which, and the few reasons for what only some modules may do.

A room is a folder of modules, or a module that lies beside those folders; what each is for is the first line of its
docstring. Rooms stand here from the top floor to the bottom: a room imports only from rooms below it. An import
inside a function counts like any other; one that only a type checker runs does not.

To change the contract is to change the architecture: do it in a commit that says why, and run
``python -m tests.unit.architecture.page``, which writes the table into docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Contract:
    """The rooms of one package, from the top floor to the bottom.

    Attributes
    ----------
    title : str
        What the package is called on the page.
    folder : Path
        Where it lies.
    rooms : mapping of str to str
        Of each room, the rooms that it may import from, apart by spaces.
    """

    title: str
    folder: Path
    rooms: Mapping[str, str]

    def allowed(self, room: str) -> list[str]:
        """Return the rooms that a room may import from."""
        return self.rooms[room].split()


SERVER = Contract(
    "The server package",
    ROOT / "plpython" / "motadata_ml_server",
    {
        "entrypoints": "experiments scheduling evaluation export forecasting inspection prediction training algorithms "
        "administration models tenants postgres errors",
        "experiments": "tenants postgres errors",
        "scheduling": "evaluation training models ingest tenants postgres errors",
        "evaluation": "prediction training administration features models ingest persistence postgres columns values "
        "errors",
        "inspection": "prediction training prediction/runtimes administration features models ingest persistence "
        "postgres columns values loops errors _native",
        "export": "prediction/runtimes features models persistence postgres values errors",
        "prediction": "prediction/runtimes administration features models ingest persistence postgres columns values "
        "errors _native",
        "worker": "worker/compile prediction/runtimes training features ingest algorithms persistence postgres "
        "columns values errors",
        "worker/compile": "prediction/runtimes features persistence errors",
        "prediction/runtimes": "features persistence _native postgres columns errors",
        "forecasting": "administration ingest postgres columns values errors",
        "training": "administration models ingest tenants algorithms postgres columns values errors",
        "administration": "_native tenants postgres errors",
        "features": "_native ingest columns values errors",
        "models": "tenants postgres errors",
        "definer": "postgres",
        "_native": "loops",
        "loops": "",
        "ingest": "postgres columns values errors",
        "tenants": "postgres errors",
        "algorithms": "errors",
        "persistence": "errors",
        "persistence/old": "",
        "postgres": "errors",
        "columns": "",
        "values": "",
        "errors": "",
    },
)

CLIENT = Contract(
    "The client",
    ROOT / "pyclient" / "motadata_ml",
    {
        "cli": "cluster demo install model_serving ml_framework postgresql_database errors _printable _version",
        "cluster": "install _version",
        "demo": "mlops ml_framework postgresql_database",
        "install": "__init__ _version",
        "__init__": "ml_framework postgresql_database _progress results errors _version",
        "estimator": "ml_framework _operations _frames results errors",
        "mlops": "ml_framework _operations postgresql_database _calls errors",
        "model_serving": "ml_framework _operations postgresql_database _calls results errors _version",
        "ml_framework": "_operations postgresql_database _frames _progress _calls results errors _printable",
        "_operations": "_frames _translate _calls results errors _version",
        "postgresql_database": "_translate _calls errors _printable",
        "_translate": "errors",
        "_progress": "_calls _printable",
        "_calls": "_frames _pipeline errors",
        "_pipeline": "",
        "_frames": "errors",
        "results": "_pictures",
        "_pictures": "",
        "errors": "",
        "_printable": "",
        "_version": "",
    },
)

CONTRACTS = (SERVER, CLIENT)

BETWEEN: Mapping[tuple[str, str], str] = {}
"""Imports from one package into the other: the modules, and why. Neither needs the other installed."""

SESSION = ("entrypoints.prediction", "prediction", "postgres", "models")
"""Modules and folders whose imports, with all that those import, stay on the session's side of the wall."""

WORKER = "worker"
"""The room, with its inner ones, that no other room imports from: it runs in a process of its own."""

HEAVY = ("sklearn", "pandas", "scipy", "onnx", "skl2onnx", "skops", "joblib")
"""What a session must not import only because it predicts: a second of time and 200 MB of memory."""

LAZY_HEAVY: Mapping[tuple[str, str], str] = {
    ("algorithms.generate", "sklearn"): "writes catalogue.json, when a developer runs it",
    ("export.onnx", "onnx"): "ml.export_onnx builds a model with it",
    ("export.onnx_features", "onnx"): "ml.export_onnx builds a model with it",
    ("export.sql_trees", "onnx"): "ml.to_sql reads the trees of a stored model",
    ("features.table", "scipy"): "free text for an estimator that takes sparse input",
    ("persistence.audit", "skops"): "a model without a compiled form is opened with it",
    ("persistence.skops_store", "skops"): "a model without a compiled form is opened with it",
}
"""Imports inside functions of rooms other than the worker's, by module and library, and when they happen."""

INSIDE: Mapping[str, Mapping[str, str]] = {
    "plpy": {
        "postgres.boundary": "raises PL/Python's own error, so that SQLSTATE and hint reach the client",
        "postgres.database": "the seam itself",
    },
    "ctypes": {
        "postgres.backend": "variables of the backend, through functions that cannot raise",
        "postgres.kernel": "asks the kernel what it can do to hold a process back, and has it done",
        "worker.lifetime": "asks the kernel to end the worker with its backend",
        "worker.sandbox": "lays out the filter of system calls",
    },
    "mmap": {
        "postgres.resources": "asks whether memory is to be had",
        "postgres.shared_counters": "the counters that all sessions map",
        "training.protocol": "rows go to the worker, and artifacts back, in memory files",
    },
    "memfd_create": {"training.protocol": "rows go to the worker, and artifacts back, in memory files"},
    "/proc": {
        "postgres.processes": "whether another session, or its worker, still runs",
        "worker.__main__": "tells the kernel to end a training before the server",
        "worker.lifetime": "looks whether memory is short",
        "worker.sandbox": "names what a fit may read of itself and of the processor",
    },
    "/dev/shm": {},  # noqa: S108 - so that nobody writes there
    "pg_stat_tmp": {"postgres.session_files": "where the files lie that sessions share"},
    "multiprocessing": {"worker.training_process": "its pools of threads get locks of threads, for want of semaphores"},
    "fork": {
        "postgres.kernel": "names it among the calls that a training is refused",
        "worker.__main__": "is the fork server",
    },
    "setrlimit": {
        "worker.__main__": "leaves no core",
        "worker.training_process": "caps its own memory",
    },
}
"""What reaches behind SQL, or the process itself, in the server package: which modules do so, and why."""

DYNAMIC: Mapping[str, str] = {
    "worker.artifacts": "the version of the library that a catalogued algorithm needs",
    "worker.estimators": "the class of a catalogued algorithm",
}
"""Modules of the server package that import what is not written there; the contract does not see it."""

LONGEST_FUNCTION = 60
LONGEST_MODULE = 350
SIZED = ("plpython", "pyclient", "tools", "benchmarks", "supply")
"""Folders whose functions and modules are measured."""

LONG: Mapping[str, str] = {}
"""Modules, or functions as ``path::name``, that may be longer, and why."""
