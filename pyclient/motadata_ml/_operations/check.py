"""What is looked at when a system is created: extension, version, tenant, GPU."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from motadata_ml._calls import Call, Fetch, Steps
from motadata_ml._operations.functions import select_function
from motadata_ml._translate import extension_missing
from motadata_ml._version import __version__
from motadata_ml.errors import InsufficientPrivilegeError, VersionMismatchError

_EXTENSION = sql.SQL("""
select e.extversion::pg_catalog.text as version, pg_catalog.has_schema_privilege(n.oid, 'usage') as usage,
    current_user::pg_catalog.text as role
from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) e.extnamespace
where e.extname operator(pg_catalog.=) 'motadata_ml'
""")

_GPU = sql.SQL("select ok, detail from ml.doctor() where check_name operator(pg_catalog.=) 'gpu'")


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes
    ----------
    extension : str
        Version of the extension.
    gpu : bool
        Whether the server trains on a GPU.
    gpu_detail : str
        What it says about it.
    """

    extension: str
    gpu: bool = False
    gpu_detail: str = ""


def check(tenant_id: str | None, *, gpu: bool) -> Call[Checked]:
    """Return the call that validates the database, the extension and the right to the tenant."""

    def steps() -> Steps[Checked]:
        rows = yield Fetch(_EXTENSION)
        if not rows:
            raise extension_missing()
        found = rows[0]
        if not found["usage"]:
            raise InsufficientPrivilegeError(
                f"role {found['role']!r} may not use schema ml",
                hint=f"as an administrator: select ml.grant_usage('{found['role']}');",
            )
        if version_key(found["version"]) < version_key(__version__):
            raise VersionMismatchError(
                f"the extension is {found['version']}, older than the client {__version__}",
                hint="alter extension motadata_ml update, or install the client of that version",
            )
        if version_key(found["version"])[0] > version_key(__version__)[0]:
            raise VersionMismatchError(
                f"the client is {__version__}, too old for the extension {found['version']}",
                hint=f"install the client {found['version']}: docs/install.md says from which file",
            )
        # Refused by the server unless the role may act for the tenant.
        yield select_function("list_models", {"tenant_id": tenant_id}, "pg_catalog.count(*)")
        if not gpu:
            return Checked(found["version"])
        answer = yield Fetch(_GPU)
        if not answer:
            return Checked(found["version"], False, "no GPU library is installed on the server")
        return Checked(found["version"], bool(answer[0]["ok"]), str(answer[0]["detail"]))

    return Call(steps, transaction=False, repeat=True)


def version_key(version: str) -> tuple[int, ...]:
    """Return a semantic version as numbers that compare."""
    return tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdigit())
