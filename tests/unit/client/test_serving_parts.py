"""The parts of the serving process that need no database: fair shares, strict JSON, readiness, shared statements."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motadata_ml.errors import ConnectionLostError, InternalError, InvalidInputError
from motadata_ml.model_serving import ServingOptions
from motadata_ml.model_serving._access import Access, Caller
from motadata_ml.model_serving._batching import MOST, Batcher
from motadata_ml.model_serving._gate import BusyError, Gate
from motadata_ml.model_serving._json import MalformedError, read
from motadata_ml.model_serving._ready import Readiness


async def held(gate: Gate, tenant: str | None, go: asyncio.Event) -> str | None:
    async with gate.turn(tenant):
        await go.wait()
    return tenant


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_one_tenant_never_holds_all_slots_and_the_next_works_at_once() -> None:
    async def run() -> None:
        gate, go = Gate(8, 100), asyncio.Event()
        tasks = [asyncio.create_task(held(gate, "loud", go)) for _ in range(30)]
        await settle()
        for quiet in ("second", "third"):
            turn = asyncio.Event()
            turn.set()
            assert await asyncio.wait_for(held(gate, quiet, turn), 1) == quiet
        go.set()
        assert len(await asyncio.gather(*tasks)) == 30
        assert gate.inside == 0

    asyncio.run(run())


def test_who_holds_least_is_called_first() -> None:
    async def run() -> None:
        gate, order = Gate(2, 100), []

        async def work(tenant: str) -> None:
            async with gate.turn(tenant):
                order.append(tenant)
                await asyncio.sleep(0)

        await asyncio.gather(*(work("loud") for _ in range(20)), *(work("quiet") for _ in range(3)))
        assert max(position for position, tenant in enumerate(order) if tenant == "quiet") < 10

    asyncio.run(run())


def test_waiting_places_are_shared_too_and_a_full_house_turns_away() -> None:
    async def run() -> None:
        gate, go = Gate(2, 6), asyncio.Event()
        tasks = [asyncio.create_task(held(gate, "loud", go)) for _ in range(50)]
        await settle()
        assert gate.inside < 8
        others = [asyncio.create_task(held(gate, "quiet", go)) for _ in range(2)]
        await settle()
        assert gate.inside_of("quiet") == 2
        go.set()
        found = await asyncio.gather(*tasks, *others, return_exceptions=True)
        assert sum(isinstance(answer, BusyError) for answer in found) == 50 - found.count("loud")
        assert found[-2:] == ["quiet", "quiet"]

    asyncio.run(run())


def test_who_gives_up_waiting_takes_no_slot_along() -> None:
    async def run() -> None:
        gate, go = Gate(1, 20), asyncio.Event()
        first = asyncio.create_task(held(gate, "a", go))
        await settle()
        waiting = [asyncio.create_task(held(gate, "a", go)) for _ in range(4)]
        await settle()
        for task in waiting[:3]:
            task.cancel()
        go.set()
        assert await first == "a"
        assert await asyncio.wait_for(waiting[3], 1) == "a"
        assert gate.inside == 0
        assert await asyncio.wait_for(held(gate, "b", go), 1) == "b"

    asyncio.run(run())


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"NaN", b'{"a": NaN}', b"[Infinity]", b'{"a": 1, "a": 1}', b'[{"b": {"a": 1, "a": 2}}]', b"\xff",
        b'{"a": ":", "a": ":"}', b'{"a\\u0062": 1, "ab": 2}', b"[" * 900 + b"]" * 900, b"[" * 100_000, b"9" * 5000,
        b"{} {}",
    ],
    ids=range(14),
)  # fmt: skip
def test_json_with_two_meanings_or_none_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        read(body)


@pytest.mark.parametrize(
    "body", [b"1e400", b"[1" + b"0" * 400 + b"]", b'"\\ud800"', b'{"\\u0000": 1}', b'["a\\u0000"]']
)
def test_json_that_the_database_cannot_hold_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read(body)


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
LEAF = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUES = st.recursive(LEAF, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(VALUES)
def test_other_json_is_read_as_it_is(value: Any) -> None:
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False).encode()) == value


class Away:
    """A database that counts how often it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    async def run(self, _: Any) -> None:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.error is not None:
            raise self.error


def test_a_flood_of_readiness_checks_asks_the_database_once() -> None:
    async def run() -> None:
        db: Any = Away()
        ready = Readiness(db, 1, 5)
        await asyncio.gather(*(ready.check() for _ in range(500)))
        assert db.asked == 1
        db.error = ConnectionLostError("gone")
        await ready.check()
        ready._until = 0
        found = await asyncio.gather(*(ready.check() for _ in range(500)), return_exceptions=True)
        assert {type(answer) for answer in found} == {ConnectionLostError}
        assert db.asked == 2

    asyncio.run(run())


class Rows:
    """A database that answers statements of requests, and fails as a whole where one of them says so."""

    def __init__(self) -> None:
        self.statements: list[list[str]] = []

    async def run(self, call: Any) -> dict[str, Any]:
        (_, _, texts, _, _) = next(call.steps()).parameters
        self.statements.append(texts)
        await asyncio.sleep(0.005)
        if "defect" in texts:
            raise InternalError("a defect")
        if "gone" in texts:
            raise ConnectionLostError("gone")
        wrong = json.dumps({"sqlstate": "ML011", "message": "does not fit", "hint": ""})
        return {
            "tenant_id": "t",
            "scope": "predict",
            "answers": [None if text == "wrong" else text.upper() for text in texts],
            "errors": [wrong if text == "wrong" else None for text in texts],
        }


def ask_together(*texts: str) -> tuple[list[Any], list[list[str]]]:
    """Send requests of one key at once; return what each got, and the statements."""
    db: Any = Rows()

    async def run() -> list[Any]:
        options = ServingOptions(max_concurrent=4, max_waiting=200)
        batcher = Batcher(Access(db, Gate(4, 200), options, None))
        caller = Caller("t", "predict", b"x" * 32)
        requests = (batcher.one(caller, "m", None, text) for text in texts)
        return list(await asyncio.gather(*requests, return_exceptions=True))

    return asyncio.run(run()), db.statements


def test_requests_that_come_together_share_a_statement_and_keep_their_own_errors() -> None:
    answers, statements = ask_together("a", "wrong", "b")
    assert (answers[0], answers[2]) == ("A", "B")
    assert isinstance(answers[1], InvalidInputError)
    assert statements == [["a", "wrong", "b"]]


def test_a_row_that_fails_the_statement_fails_alone() -> None:
    answers, _ = ask_together("a", "defect", "b")
    assert (answers[0], answers[2]) == ("A", "B")
    assert isinstance(answers[1], InternalError)


def test_a_database_in_trouble_is_not_asked_again_for_each() -> None:
    answers, statements = ask_together("a", "gone", "b")
    assert [type(answer) for answer in answers] == [ConnectionLostError] * 3
    assert len(statements) == 1


def test_a_statement_takes_a_bounded_number_of_requests() -> None:
    answers, statements = ask_together(*("r" for _ in range(100)))
    assert answers == ["R"] * 100
    assert max(len(texts) for texts in statements) <= MOST
