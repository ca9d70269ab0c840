"""Artifacts of a model version: kinds, digests, and their chunks in the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from motadata_ml_server.errors import ArtifactError
from motadata_ml_server.models.version import VisibleVersion
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.owner import read_as_owner

CHUNK_BYTES = 16 << 20
"""The most bytes of an artifact in one row."""


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact on its way into the database.

    Attributes
    ----------
    kind : str
        An `ArtifactKind`.
    digest : str
        SHA-256 of its bytes, in hexadecimal.
    size : int
        Number of bytes.
    read : callable
        ``read(offset, size)`` returns some of them.
    """

    kind: str
    digest: str
    size: int
    read: Callable[[int, int], bytes]


def digest_of(artifacts: Sequence[tuple[str, str]]) -> str:
    """Return one digest over the kinds and digests of all artifacts of a version."""
    return hashlib.sha256(json.dumps(sorted(artifacts)).encode()).hexdigest()


_CHUNKS = """
select digest, data from ml.artifact
where version_id operator(pg_catalog.=) $1 and kind operator(pg_catalog.=) $2 order by chunk
"""


_DIGESTS = (
    "select kind, digest from ml.artifact where version_id operator(pg_catalog.=) $1 and chunk operator(pg_catalog.=) 0"
)


def load_artifacts(db: Database, visible: VisibleVersion, kinds: Sequence[str]) -> list[bytes]:
    """Load some artifacts of a version as the owner, checking every digest."""
    found = load_present(db, visible, kinds)
    if found.keys() != set(kinds):
        raise _damaged(visible)
    return [found[kind] for kind in kinds]


def load_present(db: Database, visible: VisibleVersion, kinds: Sequence[str]) -> dict[str, bytes]:
    """Load those of some artifacts that the version was stored with, checking every digest.

    Raises
    ------
    ArtifactError
        ML018: what is stored is not what was stored.
    """
    digests, loaded = read_as_owner(db, lambda owner: _load(owner, visible.version_id, kinds))
    if digest_of(digests) != visible.digest:
        raise _damaged(visible)
    expected = dict(digests)
    found = {kind: data for kind, data in zip(kinds, loaded, strict=True) if kind in expected}
    if any(hashlib.sha256(data).hexdigest() != expected[kind] for kind, data in found.items()):
        raise _damaged(visible)
    return found


def _load(db: Database, version_id: int, kinds: Sequence[str]) -> tuple[list[tuple[str, str]], list[bytes]]:
    digests = [(row["kind"], row["digest"]) for row in db.query(_DIGESTS, ["bigint"], [version_id])]
    loaded = []
    for kind in kinds:
        rows = db.query(_CHUNKS, ["bigint", "text"], [version_id, kind])
        loaded.append(b"".join(row["data"] for row in rows))
    return digests, loaded


def _damaged(visible: VisibleVersion) -> ArtifactError:
    return ArtifactError(
        f"the stored artifacts of model {visible.model_id!r} version {visible.version} do not match their digest",
        hint="Restore table ml.artifact from a backup, roll back to another version, or train again.",
    )
