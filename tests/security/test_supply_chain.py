"""No vulnerability is known in what the images install."""

from __future__ import annotations

import pytest

from tools.supply import audit, locks


@pytest.mark.no_attack
@pytest.mark.parametrize("name", locks.IMAGES)
def test_no_vulnerability_is_known(name: str) -> None:
    verdict = audit.audit(name)
    assert verdict.vulnerable == ()
    if verdict.audited == 0:
        pytest.skip(f"{' and '.join(audit.SERVICES)} cannot be asked from this machine: no package was audited")
    assert verdict.unknown == (), "the service does not know these packages"
