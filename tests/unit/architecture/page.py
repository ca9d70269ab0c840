"""Write the contract into docs/architecture.md: ``python -m tests.unit.architecture.page``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.unit.architecture.contract import CONTRACTS, ROOT, Contract
from tools.plan.rooms import Plan, plan_of

PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- contract:begin -->", "<!-- contract:end -->"


def table() -> str:
    """Return what stands between the marks: a table of rooms for each package."""
    return "\n\n".join("\n".join(_lines(contract)) for contract in CONTRACTS)


def _lines(contract: Contract) -> Iterator[str]:
    plan = plan_of(contract.folder)
    lines = str(contract.folder.relative_to(ROOT))
    yield f"### {contract.title}"
    yield ""
    yield f"`{lines}/`: {len(plan.rooms)} rooms on {max(plan.floors.values())} floors, {len(plan.arrows)} arrows."
    yield ""
    yield "| floor | room | what it is | imports from |"
    yield "| ---: | --- | --- | --- |"
    for name in sorted(contract.rooms, key=lambda name: -plan.floors.get(name, 0)):
        allowed = ", ".join(f"`{other}`" for other in contract.allowed(name)) or "none"
        yield f"| {plan.floors.get(name, 0)} | `{name}` | {what(contract, plan, name)} | {allowed} |"


def what(contract: Contract, plan: Plan, name: str) -> str:
    """Return what a room is: the first line of its docstring."""
    inner = contract.folder / name
    path = inner / "__init__.py" if inner.is_dir() else inner.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0].replace("``", "`")


def with_table(text: str) -> str:
    """Return a page with the table between its marks.

    Raises
    ------
    ValueError
        The page has no such marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
