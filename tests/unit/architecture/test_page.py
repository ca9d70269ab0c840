"""The page shows the contract that the tests enforce."""

from __future__ import annotations

import pytest

from tests.unit.architecture import page
from tests.unit.architecture.contract import CONTRACTS, Contract
from tools.plan.rooms import plan_of


def test_the_page_is_current() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert text == page.with_table(text), "run `make architecture`"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.folder.name)
def test_every_room_says_what_it_is(contract: Contract) -> None:
    plan = plan_of(contract.folder)
    assert [name for name in contract.rooms if len(page.what(contract, plan, name).split()) < 3] == []
    assert [name for name in contract.rooms if "|" in page.what(contract, plan, name)] == []


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="contract:begin"):
        page.with_table("# Architecture\n")
