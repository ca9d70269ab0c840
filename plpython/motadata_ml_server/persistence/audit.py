"""Audit of a skops description: every name and loader in it, before anything is imported."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from motadata_ml_server.persistence.light_sklearn import without_unneeded
from motadata_ml_server.persistence.refusal import reject
from motadata_ml_server.persistence.trusted import TRUSTED_LOADERS, TRUSTED_TYPES

MAX_DEPTH: Final = 200
"""Nesting of the description; the deepest estimators (stacks of ensembles) stay below 100."""


@functools.cache
def allowed_types() -> frozenset[str]:
    """Return every type name that a description may hold.

    Returns
    -------
    frozenset of str
        What skops trusts for scikit-learn, numpy, scipy and builtins, and our own list.
    """
    with without_unneeded():
        from skops.io import _trusted_types as skops_trust

    names = set(TRUSTED_TYPES)
    for group in (
        skops_trust.PRIMITIVE_TYPE_NAMES,
        skops_trust.CONTAINER_TYPE_NAMES,
        skops_trust.SKLEARN_ESTIMATOR_TYPE_NAMES,
        skops_trust.SKLEARN_INTERNAL_TYPE_NAMES,
        skops_trust.NUMPY_DTYPE_TYPE_NAMES,
        skops_trust.NUMPY_RANDOM_BIT_GENERATOR_TYPE_NAMES,
        skops_trust.SCIPY_UFUNC_TYPE_NAMES,
    ):
        names.update(group)
    names.update(
        {
            "builtins.NoneType",
            "builtins.bytearray",
            "builtins.bytes",
            "builtins.dict",
            "builtins.slice",
            "collections.OrderedDict",
            "collections.defaultdict",
            "numpy.ndarray",
            "numpy.ma.MaskedArray",
            "numpy.ma.core.MaskedArray",
            "numpy.random._generator.Generator",
            "numpy.random.mtrand.RandomState",
            "sklearn.utils._bunch.Bunch",
        }
    )
    return frozenset(names)


def audit(schema: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Refuse a description that names a type, loader or file outside the allow-lists.

    Parameters
    ----------
    schema : mapping
        The parsed description.
    arrays : mapping
        The array files that exist in the archive.

    Raises
    ------
    ArtifactError
        Naming the types that are not accepted.
    """
    allowed = allowed_types()
    untrusted: set[str] = set()
    pending: list[tuple[Any, int]] = [(schema, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise reject("its description is nested too deeply")
        if isinstance(value, list):
            pending.extend((item, depth + 1) for item in value)
            continue
        if not isinstance(value, dict):
            continue
        if "__loader__" in value or "__class__" in value or "__module__" in value:
            _audit_node(value, allowed, untrusted, arrays)
        pending.extend((item, depth + 1) for item in value.values())
    if untrusted:
        raise reject(f"it holds types that are not accepted: {', '.join(sorted(untrusted))}")


def _audit_node(
    node: Mapping[str, Any], allowed: frozenset[str], untrusted: set[str], arrays: Mapping[str, Any]
) -> None:
    module, name = node.get("__module__"), node.get("__class__")
    loader = node.get("__loader__")
    if not (isinstance(module, str) and isinstance(name, str)):
        raise reject("a part of its description has no type")
    if loader is not None and not isinstance(loader, str):
        raise reject("a part of its description has no loader")
    if loader is not None and loader not in TRUSTED_LOADERS:
        untrusted.add(f"{module}.{name} ({loader})")
    if loader != "CachedNode" and f"{module}.{name}" not in allowed:
        untrusted.add(f"{module}.{name}")
    file = node.get("file")
    named = isinstance(file, str) and file in arrays
    if loader == "NdArrayNode" and node.get("type") == "numpy" and not named:
        raise reject("an array that its description names is not there")
