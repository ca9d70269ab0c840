"""Server-wide options and the health of the installation."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import motadata_ml_server
from motadata_ml_server import _native
from motadata_ml_server.administration.environment import interpreter
from motadata_ml_server.administration.versions import extension_version
from motadata_ml_server.postgres import kernel, owner, parallel_safety, shared_counters
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.tenants import grants

LIBRARIES = ("numpy", "onnxruntime", "onnx", "scikit-learn", "skl2onnx", "skops", "sqlglot")

Check = tuple[bool, str, str]
"""Whether it is well, what was found, and what to do."""


def doctor(db: Database) -> Iterator[dict[str, Any]]:
    """Yield each check of the installation with its remedy."""
    paths = owner.caller_is_owner(db)  # where things lie is nobody else's business
    checks: dict[str, Callable[[], Check]] = {
        "language": lambda: _language(db),
        "interpreter": _interpreter,
        "worker": lambda: _worker(paths),
        "sandbox": _sandbox,
        "versions": lambda: _versions(db),
        "libraries": _libraries,
        "compiled loops": _loops,
        "import path": lambda: _import_path(paths),
        "roles": lambda: _roles(db),
        "counters": lambda: _counters(db),
        "rights": lambda: _rights(db),
        "parallel plans": lambda: _parallel_plans(db),
    }
    for name, check in checks.items():
        ok, detail, remedy = check()
        yield {"check_name": name, "ok": ok, "detail": detail, "remedy": None if ok else remedy}


_UNTRUST = "update pg_catalog.pg_language set lanpltrusted = false where lanname operator(pg_catalog.=) 'plpython3u'"


def _language(db: Database) -> Check:
    rows = db.query(
        "select lanpltrusted as trusted from pg_catalog.pg_language where lanname operator(pg_catalog.=) 'plpython3u'"
    )
    trusted = bool(rows and rows[0]["trusted"])
    detail = "plpython3u is " + ("marked as trusted" if trusted else "untrusted: only superusers write functions in it")
    return not trusted, detail, _UNTRUST


def _interpreter() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info[:2] >= (3, 11)
    return (
        ok,
        f"PL/Python embeds Python {version}",
        "Use a PostgreSQL whose PL/Python embeds Python 3.11 or later.",
    )


def _worker(paths: bool) -> Check:
    path = interpreter()
    ok = os.access(path, os.X_OK)
    return (
        ok,
        f"training workers run {path}" if paths else "training workers have a Python to run",
        "Make the environment readable and executable for the server's user.",
    )


def _sandbox() -> Check:
    walls = kernel.walls()
    found = ", ".join(each.name for each in walls if each.stands)
    missing = ", ".join(each.name for each in walls if not each.stands)
    lacks = f"; the kernel does not give: {missing}" if missing else ""
    return (
        all(each.stands for each in walls if each.needed),
        f"a training process is held by: {found or 'nothing'}{lacks}",
        "Use a kernel with Landlock (5.13, best 6.12 or later) and seccomp, and let the container make those calls.",
    )


def _versions(db: Database) -> Check:
    extension, package = extension_version(db), motadata_ml_server.__version__
    return (
        extension == package,
        f"extension {extension}, package {package}",
        "Install the package of the same version or run ALTER EXTENSION motadata_ml UPDATE, then reconnect.",
    )


def _libraries() -> Check:
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    detail = ", ".join(found) + (f"; missing: {', '.join(missing)}" if missing else "")
    return not missing, detail, "Install the server's packages: motadata-ml install."


def _loops() -> Check:
    """Tell whether the compiled loops serve; all works without them, so only loops that do not fit are a fault."""
    try:
        version = importlib.metadata.version("motadata-ml-native")
    except importlib.metadata.PackageNotFoundError:
        detail = (
            "motadata-ml-native is not installed: forests take two to four times as long, a session's first prediction "
            "by one a tenth of a second and 30 MB more; motadata-ml install builds it where there is a compiler "
            "(gcc, python3-dev)"
        )
        return True, detail, ""
    serves = _native.compiled is not None
    return (
        serves,
        f"motadata-ml-native {version} " + ("serves" if serves else "is installed and does not fit this package"),
        "Build it again from the package's sources: motadata-ml install; then reconnect.",
    )


def _import_path(paths: bool) -> Check:
    open_folders = [path for path in sys.path if path and os.path.isdir(path) and os.stat(path).st_mode & 0o002]
    relative = [path for path in sys.path if not os.path.isabs(path)]
    bad = open_folders + relative
    told = (str(bad) if paths else str(len(bad))) if bad else "none"
    return (
        not bad,
        f"{len(sys.path)} folders, writable by others: {told}",
        "Take write permission from others.",
    )


def _counters(db: Database) -> Check:
    shared = shared_counters.region(db).shared
    return (
        shared,
        f"predictions of all sessions {'are' if shared else 'cannot be'} counted in {shared_counters.FILE}",
        f"Let {shared_counters.FILE} in the data directory belong to the server's user, with mode 0600, or remove it; "
        "reconnect.",
    )


def _roles(db: Database) -> Check:
    gone = []
    if owner.caller_is_owner(db):  # what other tenants' grants are is nobody else's business
        rows = owner.query_as_owner(
            db,
            "select r.role::pg_catalog.oid::pg_catalog.text as role from ml.tenant_role r "
            "where not exists (select from pg_catalog.pg_roles p where p.oid operator(pg_catalog.=) r.role)",
        )
        gone = [row["role"] for row in rows]
    return (
        not gone,
        f"grants to roles that were dropped: {', '.join(gone) or 'none'}",
        "delete from ml.tenant_role where role operator(pg_catalog.<>) all (select oid from pg_catalog.pg_roles)",
    )


def _rights(db: Database) -> Check:
    lacking = grants.roles_lacking_rights(db)
    return (
        not lacking,
        f"roles with other rights than those of this version: {', '.join(lacking) or 'none'}",
        "select ml.refresh_usage()",
    )


def _parallel_plans(db: Database) -> Check:
    wanted = parallel_safety.mark(db)
    return (
        not parallel_safety.marked_otherwise(db),
        f"one-row predictions are to be parallel {wanted} on this version of PostgreSQL",
        "select ml.refresh_usage()",
    )
