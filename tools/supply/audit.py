"""Ask whether vulnerabilities are known in what the images install, and say so where nobody could be asked.

The exit status is 0 where every package was audited and none is vulnerable, 1 where one is, and 3 where packages
could not be audited: pip-audit itself passes those over.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tools.supply import locks

SERVICES = ("pypi", "osv")
"""Whom to ask, in this order."""


@dataclass(frozen=True)
class Verdict:
    """What is known of a lock file's packages.

    Attributes
    ----------
    audited : int
        Packages that a service knew.
    vulnerable : tuple of str
        One line for each known vulnerability.
    unknown : tuple of str
        Packages that no service could audit, or one line with the reason for all.
    """

    audited: int
    vulnerable: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def status(self) -> int:
        """The exit status."""
        return 1 if self.vulnerable else 3 if self.unknown else 0


def read(report: dict[str, Any]) -> Verdict:
    """Read pip-audit's report in JSON."""
    packages = report["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    vulnerable = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for package in audited
        for found in package["vulns"]
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    return Verdict(len(audited), tuple(vulnerable), tuple(unknown))


def audit(name: str) -> Verdict:
    """Audit a lock file with the first service that knows all of its packages."""
    known = list(locks.read(name))
    verdict = Verdict(0, (), tuple(known))
    for service in SERVICES:
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
        command += ["-s", service, "-f", "json", "-r", str(locks.path(name))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            answer = read(json.loads(done.stdout))
        except ValueError:  # no report: the service does not answer
            continue
        if answer.audited + len(answer.unknown) != len(known):
            raise RuntimeError(f"pip-audit reports on {answer.audited} of {len(known)} packages\n{done.stderr}")
        if answer.audited > verdict.audited:
            verdict = answer
        if not verdict.unknown:
            break
    return verdict


def main() -> int:
    """Audit every lock file and say what was found; returns the exit status."""
    status = 0
    for name in locks.IMAGES:
        verdict = audit(name)
        total = verdict.audited + len(verdict.unknown)
        sys.stdout.write(f"{locks.path(name).name}: {verdict.audited} of {total} packages audited\n")
        for line in verdict.vulnerable:
            sys.stdout.write(f"  VULNERABLE {line}\n")
        if verdict.unknown:
            services = " and ".join(SERVICES)
            sys.stdout.write(f"  NOT AUDITED ({services} could not be asked): {', '.join(verdict.unknown)}\n")
        status = 1 if 1 in (status, verdict.status) else max(status, verdict.status)
    return status


if __name__ == "__main__":
    sys.exit(main())
