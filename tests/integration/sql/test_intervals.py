"""Intervals and sets of labels on real rows: against the definition, worked out here, and against what they promise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor
from sklearn import datasets

from motadata_ml import DatabaseConfig, DatabaseConnection, MLSystem, create_ml_system, errors
from tests.conftest import conninfo
from tests.sessions import messages_of

Session = psycopg.Connection[Any]


def fill(session: Session, name: str, columns: str, rows: Any) -> None:
    session.execute(f"create table {name} ({columns})".encode())
    with session.cursor().copy(f"copy {name} from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def train(session: Session, name: str, task: str, rows: str, target: str, **more: Any) -> dict[str, Any]:
    given = {"algorithm": "linear" if task == "regression" else "logistic_regression", **more}
    named = "".join(f", {key} => %({key})s" for key in given)
    statement = f"select (ml.train(%(name)s, %(task)s, %(rows)s, %(target)s{named})).metrics"
    found = session.execute(
        statement.encode(), {"name": name, "task": task, "rows": rows, "target": target, **given}
    ).fetchone()
    assert found is not None
    return dict(found[0])


@pytest.fixture(scope="module")
def trained(module_db: Session) -> Session:
    """Train on diabetes, California-like prices made of diamonds' shape, iris and digits, each with intervals."""
    diabetes = datasets.load_diabetes()
    fill(
        module_db,
        "diabetes",
        "id int, held boolean, sex text, bmi float8, bp float8, s5 float8, y float8",
        (
            (number, number % 2 == 0, "f" if row[1] > 0 else "m", row[2], row[3], row[8], y)
            for number, (row, y) in enumerate(zip(diabetes.data.tolist(), diabetes.target.tolist(), strict=True))
        ),
    )
    digits = datasets.load_digits()
    fill(
        module_db,
        "digits",
        "id int, held boolean, pixels float8[], digit int",
        (
            (number, number % 3 == 0, row, int(digit))
            for number, (row, digit) in enumerate(zip(digits.data.tolist(), digits.target, strict=True))
        ),
    )
    train(
        module_db,
        "sugar",
        "regression",
        "select bmi, bp, s5, y, held from diabetes",
        "y",
        split="column:held",
        intervals='{"levels": [0.8, 0.9], "method": "absolute"}',
    )
    train(
        module_db,
        "digit",
        "classification",
        "select pixels, digit, held from digits",
        "digit",
        split="column:held",
        intervals="{}",
    )
    return module_db


def told_of(session: Session, name: str) -> dict[str, Any]:
    row = session.execute("select metrics -> 'intervals' from ml.models where model_id = %s", [name]).fetchone()
    assert row is not None
    return dict(row[0])


def half_of(session: Session, rows: str, n: int) -> list[bool]:
    """Return which of the rows held out calibrated: those that a permutation of its own stream puts first."""
    order = np.random.default_rng([42, 3]).permutation(n)
    return [bool(place) for place in np.isin(np.arange(n), order[: n // 2])]


def test_an_interval_is_the_quantile_of_the_absolute_residuals_of_the_calibrating_half(trained: Session) -> None:
    rows = trained.execute(
        "select y, ml.predict_value('sugar', to_jsonb(d)) from diabetes as d where held order by id"
    ).fetchall()
    calibrated = half_of(trained, "diabetes", len(rows))
    residuals = np.sort([abs(y - value) for (y, value), own in zip(rows, calibrated, strict=True) if own])
    for level in (0.8, 0.9, 0.6):
        reach = residuals[math.ceil((len(residuals) + 1) * level) - 1]
        found = trained.execute(
            "select (i).*, ml.predict_value('sugar', to_jsonb(d)) from diabetes as d, "
            "ml.predict_interval('sugar', to_jsonb(d), %s) as i where held order by id limit 5",
            [level],
        ).fetchall()
        for value, lower, upper, said, plain in found:
            assert (value, said) == (plain, level)
            assert (lower, upper) == pytest.approx((value - reach, value + reach))
    verified = [(y, value) for (y, value), own in zip(rows, calibrated, strict=True) if not own]
    told = told_of(trained, "sugar")
    assert (told["method"], told["residuals"]) == ("absolute", "held_out")
    assert (told["n_calibrated"], told["n_verified"]) == (len(residuals), len(verified))
    for of_level in told["levels"]:
        reach = residuals[math.ceil((len(residuals) + 1) * of_level["level"]) - 1]
        assert of_level["width"] == pytest.approx(2 * reach)
        assert of_level["coverage"] == pytest.approx(np.mean([abs(y - value) <= reach for y, value in verified]))
        assert of_level["calibrated"] == pytest.approx((residuals <= reach).mean())


def test_every_form_of_a_row_and_a_batch_say_the_same(trained: Session) -> None:
    each = trained.execute(
        "select i.value, i.lower, i.upper from diabetes as d, "
        "ml.predict_interval('sugar', to_jsonb(d), 0.8) as i order by id"
    ).fetchall()
    batch = trained.execute(
        "select value, lower, upper, labels from ml.predict_batch('sugar', 'select * from diabetes order by id', "
        "level => 0.8)"
    ).fetchall()
    assert np.array([row[:3] for row in batch]) == pytest.approx(np.array(each))
    assert {row[3] for row in batch} == {None}
    row = trained.execute("select array[bmi, bp, s5] from diabetes where id = 0").fetchone()
    assert row is not None
    for call in (
        "ml.predict_interval('sugar', %(row)s::float8[], 0.8)",
        "ml.predict_interval('sugar', array_to_json(%(row)s::float8[])::text, 0.8)",
        "ml.predict_interval('sugar', array_to_json(%(row)s::float8[])::jsonb, level => 0.8, version => '1.0.0')",
    ):
        found = trained.execute(f"select i.value, i.lower, i.upper from {call} as i".encode(), {"row": row[0]})
        assert found.fetchone() == pytest.approx(each[0])
    assert trained.execute("select ml.predict_interval('sugar', null::jsonb) is null").fetchone() == (True,)


def test_a_set_holds_the_labels_whose_probability_is_high_enough_for_their_class(trained: Session) -> None:
    info = trained.execute("select classes from ml.model_versions where model_id = 'digit'").fetchone()
    assert info is not None
    classes = info[0]
    rows = trained.execute(
        "select digit::text, ml.predict_proba('digit', to_jsonb(d)), ml.predict_set('digit', to_jsonb(d), 0.95) "
        "from digits as d where held order by id"
    ).fetchall()
    calibrated = half_of(trained, "digits", len(rows))
    truth = np.array([classes.index(row[0]) for row in rows])
    chances = np.array([row[1] for row in rows])
    scores = 1 - chances[np.arange(len(rows)), truth]
    of_half = np.array(calibrated)
    reach = []
    for code in range(len(classes)):
        own = np.sort(scores[of_half & (truth == code)])
        own = own if len(own) >= 19 else np.sort(scores[of_half])
        reach.append(own[math.ceil((len(own) + 1) * 0.95) - 1])
    for given, row in zip(chances, rows, strict=True):
        order = np.argsort(-given, kind="stable")
        expected = [classes[at] for at in order if 1 - given[at] <= reach[at] + 1e-9 or at == order[0]]
        assert row[2] == expected
    held = np.array([row[0] in row[2] for row in rows])[~of_half].mean()
    told = next(level for level in told_of(trained, "digit")["levels"] if level["level"] == 0.95)
    assert told["coverage"] == pytest.approx(held)
    assert told["labels"] == pytest.approx(np.mean([len(row[2]) for row in rows], where=~of_half))
    batch = trained.execute(
        "select labels, lower, prediction from ml.predict_batch('digit', "
        "'select * from digits where held order by id', 0.95, 'id')"
    ).fetchall()
    assert [row[0] for row in batch] == [row[2] for row in rows]
    assert all(row[1] is None and row[0][0] == row[2] for row in batch)


def test_labels_of_any_text_come_back_whole(trained: Session) -> None:
    trained.execute(
        """create table odd as select sin(i) as x,
        (array['a "b"', 'back\\slash', 'com,ma {x}', 'null', ' '])[1 + i %% 5] as y
        from generate_series(1, 500) as i""",
        [],
    )
    train(trained, "odd", "classification", "odd", "y", intervals='{"levels": [0.9]}', algorithm="decision_tree")
    rows = trained.execute("select labels, prediction from ml.predict_batch('odd', 'odd', level => 0.9)").fetchall()
    known = {'a "b"', "back\\slash", "com,ma {x}", "null", " "}
    assert {label for labels, _ in rows for label in labels} == known
    assert all(prediction == labels[0] for labels, prediction in rows)


def test_widths_follow_the_values_where_errors_do(trained: Session) -> None:
    trained.execute(
        "create table growing as select x, x * (1 + 0.4 * e) as y from (select setseed(0.5)) s, "
        "lateral (select random() * 9 + 1 as x, random() + random() + random() - 1.5 as e "
        "from generate_series(1, 2000)) r"
    )
    metrics = train(trained, "growing", "regression", "growing", "y", intervals="{}")["intervals"]
    assert metrics["method"] == "normalised"
    small, large = (
        trained.execute(
            "select i.upper - i.lower from ml.predict_interval('growing', jsonb_build_object('x', %s)) as i",
            [x],
        ).fetchone()
        for x in (1.5, 9.5)
    )
    assert small is not None
    assert large is not None
    assert large[0] > 2.5 * small[0]
    flat = train(trained, "flat", "regression", "growing", "y", intervals='{"levels": [0.9], "method": "absolute"}')[
        "intervals"
    ]
    at = {level["level"]: level for level in metrics["levels"]}
    for told in (at[0.9], flat["levels"][0]):
        spread = 3 * math.sqrt(0.9 * 0.1 * (1 / 200 + 1 / 200))
        assert abs(told["coverage"] - 0.9) < spread
    assert at[0.9]["width"] < flat["levels"][0]["width"]
    batch = trained.execute(
        "select max(abs((b.upper - b.lower) - (i.upper - i.lower))) from ml.predict_batch('growing', "
        "'select * from growing', 0.8) as b join (select row_number() over () as n, x from growing) as g "
        "on g.n = b.id::bigint, ml.predict_interval('growing', to_jsonb(g), 0.8) as i"
    ).fetchone()
    assert batch is not None
    assert batch[0] < 1e-9


def test_groups_have_widths_of_their_own(trained: Session) -> None:
    trained.execute(
        "create table shops as select case when i % 2 = 0 then 'calm' else 'wild' end as shop, sin(i) as x, "
        "3 * sin(i) + sin(i * i) * case when i % 2 = 0 then 0.1 else 5 end as y from generate_series(1, 2000) as i "
        "union all select 'tiny', sin(i), sin(i) + sin(i * i) from generate_series(1, 12) as i"
    )
    metrics = train(trained, "shops", "regression", "shops", "y", group_by="shop", intervals='{"levels": [0.9]}')
    widths = {
        row[0]: row[1]
        for row in trained.execute(
            "select s.shop, i.upper - i.lower from (values ('calm'), ('wild'), ('tiny'), ('new')) as s (shop), "
            "ml.predict_interval('shops', jsonb_build_object('shop', s.shop, 'x', 0.5), 0.9) as i"
        ).fetchall()
    }
    assert widths["new"] is None
    assert widths["wild"] > 10 * widths["calm"]
    assert widths["calm"] < widths["tiny"]
    told = metrics["intervals"]["levels"][0]
    assert abs(told["coverage"] - 0.9) < 3 * math.sqrt(0.9 * 0.1 * (1 / 200 + 1 / 200))
    for shop in ("calm", "wild"):
        held = trained.execute(
            f"select ml.evaluate('shops', $$select * from shops where shop = '{shop}'$$) -> 'intervals'".encode()
        ).fetchone()
        assert held is not None
        assert abs(held[0]["levels"][0]["coverage"] - 0.9) < 0.08
    batch = trained.execute(
        "select count(*) from ml.predict_batch('shops', 'shops', 0.9) as b join "
        "(select row_number() over () as n, shop, x from shops) as s on s.n = b.id::bigint, "
        "ml.predict_interval('shops', to_jsonb(s), 0.9) as i where abs(i.lower - b.lower) < 1e-9"
    ).fetchone()
    assert batch == (2012,)


def test_few_rows_are_cross_fitted_and_it_is_said(trained: Session) -> None:
    said = messages_of(trained)
    metrics = train(trained, "few", "regression", "select bmi, s5, y from diabetes where id < 120", "y", intervals="{}")
    told = metrics["intervals"]
    assert (told["residuals"], told["n_calibrated"], told["n_verified"]) == ("cross_fitted", 96, 24)
    assert any("cross-fitted" in message for message in said)
    iris = datasets.load_iris()
    fill(
        trained,
        "iris",
        "a float8, b float8, kind text",
        ((*row[:2], str(iris.target_names[kind])) for row, kind in zip(iris.data.tolist(), iris.target, strict=True)),
    )
    for method in ("lac", "aps"):
        told = train(trained, "iris", "classification", "iris", "kind", intervals=json.dumps({"method": method}))[
            "intervals"
        ]
        assert (told["method"], told["residuals"], told["n_calibrated"]) == (method, "cross_fitted", 120)
        assert all(level["coverage"] >= level["level"] - 0.2 for level in told["levels"])


def test_coverage_is_measured_anew_and_falls_where_rows_have_moved(trained: Session) -> None:
    told = told_of(trained, "sugar")
    same = trained.execute("select ml.evaluate('sugar', 'select * from diabetes where held') -> 'intervals'").fetchone()
    assert same is not None
    assert [level["level"] for level in same[0]["levels"]] == [0.8, 0.9]
    assert same[0]["n_verified"] == told["n_calibrated"] + told["n_verified"]
    for found, first in zip(same[0]["levels"], told["levels"], strict=True):
        n, m = told["n_calibrated"], told["n_verified"]
        assert found["coverage"] == pytest.approx((first["calibrated"] * n + first["coverage"] * m) / (n + m))
        assert found["width"] == pytest.approx(first["width"])
    moved = trained.execute(
        "select ml.evaluate('sugar', 'select bmi, bp, s5, y + 150 as y from diabetes') -> 'intervals'"
    ).fetchone()
    assert moved is not None
    assert moved[0]["levels"][1]["coverage"] < 0.5
    sets = trained.execute("select ml.evaluate('digit', 'select * from digits where held') -> 'intervals'").fetchone()
    assert sets is not None
    assert all(level["coverage"] > level["level"] - 0.05 for level in sets[0]["levels"])


def test_predictions_are_written_with_their_bounds(trained: Session) -> None:
    trained.execute("select ml.predict_into('sugar', 'diabetes', 'sure', 'id', level => 0.9)")
    row = trained.execute("select count(*), min(upper - lower), count(labels) from sure").fetchone()
    expected = trained.execute("select upper - lower from ml.predict_interval('sugar', array[0, 0, 0], 0.9)").fetchone()
    assert row is not None
    assert expected is not None
    assert row == (442, pytest.approx(expected[0]), 0)
    trained.execute("select ml.predict_into('digit', 'digits', 'sets', keep => array['id', 'digit'], level => 0.9)")
    found = trained.execute(
        "select count(*), bool_and(ml.predict_set('digit', to_jsonb(d), 0.9) = s.labels), "
        "avg((s.digit::text = any (s.labels))::int)::float8 from sets as s join digits as d using (id)"
    ).fetchone()
    assert found is not None
    assert found[:2] == (1797, True)
    assert found[2] > 0.9
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(
            "select ml.predict_into('sugar', 'select 1 as lower, * from diabetes', 'x', keep => "
            "array['lower'], level => 0.9)"
        )
    assert caught.value.sqlstate == "ML009"


BAD = {
    "ml.predict_interval('plain', array[0, 0, 0])": "ML020",
    "ml.predict_set('plain', array[0, 0, 0])": "ML020",
    "ml.predict_batch('plain', 'diabetes', 0.9)": "ML020",
    "ml.predict_into('plain', 'diabetes', 'nowhere', level => 0.9)": "ML020",
    "ml.predict_set('sugar', array[0, 0, 0])": "ML020",
    "ml.predict_interval('digit', (select to_jsonb(d) from digits d limit 1))": "ML020",
    "ml.predict_interval('sugar', array[0, 0, 0], 0)": "ML009",
    "ml.predict_interval('sugar', array[0, 0, 0], 1)": "ML009",
    "ml.predict_interval('sugar', array[0, 0, 0], null)": "ML009",
    "ml.predict_interval('sugar', array[0, 0, 0], 'NaN')": "ML009",
    "ml.predict_interval('sugar', array[0, 0, 0], 0.9999)": "ML009",
    "ml.predict_interval('sugar', array[0, 0])": "ML011",
    "ml.predict_interval('nobody', array[0, 0])": "ML001",
    "ml.predict_batch('sugar', 'diabetes', 1.5)": "ML009",
    "ml.train('x', 'clustering', 'select bmi, bp from diabetes', intervals => '{}')": "ML020",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', intervals => '[]')": "ML009",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', intervals => '{\"level\": 0.9}')": "ML009",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', intervals => '{\"levels\": [1]}')": "ML009",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', intervals => '{\"levels\": 0.9}')": "ML009",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', intervals => '{\"levels\": []}')": "ML009",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', intervals => '{\"method\": \"lac\"}')": "ML009",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', split => 'none', intervals => '{}')": "ML005",
    "ml.train('x', 'regression', 'select bmi, y from diabetes limit 30', 'y', intervals => '{}')": "ML005",
    "ml.train('x', 'regression', 'select bmi, y from diabetes limit 100', 'y', intervals => "
    "'{\"levels\": [0.999]}')": "ML005",
    "ml.train('x', 'regression', 'select bmi, sex, y from diabetes limit 100', 'y', group_by => 'sex', intervals => "
    "'{\"levels\": [0.95]}')": "ML005",
    "ml.train('x', 'regression', 'select bmi, y from diabetes', 'y', intervals => '{}', algorithm => 'sgd', "
    'execution => \'{"mode": "stream"}\')': "ML020",
    "ml.train('x', 'classification', 'select bmi, sex from diabetes', 'sex', algorithm => 'svm', "
    "intervals => '{}')": "ML020",
}


@pytest.mark.parametrize("call", BAD)
def test_what_cannot_be_said_is_refused_with_a_reason(trained: Session, call: str) -> None:
    trained.execute(
        "select ml.train('plain', 'regression', 'select bmi, bp, s5, y from diabetes', 'y', "
        "algorithm => 'linear', deploy => true) where not exists "
        "(select from ml.models where model_id = 'plain')"
    )
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(f"select {call}".encode())
    assert caught.value.sqlstate == BAD[call], caught.value
    assert caught.value.diag.message_hint


def test_who_may_only_predict_is_told_how_sure_and_nobody_else(
    trained: Session, module_role_factory: Callable[..., str], server: PostgreSQLExecutor
) -> None:
    role, stranger = module_role_factory("app"), module_role_factory("stranger")
    trained.execute("select ml.grant_usage(%s, 'default', access => 'predict')", [role])
    with psycopg.connect(conninfo(server, trained.info.dbname, role), autocommit=True) as app:
        found = app.execute("select (ml.predict_interval('sugar', array[0, 0, 0])).upper").fetchone()
        assert found == trained.execute("select (ml.predict_interval('sugar', array[0, 0, 0])).upper").fetchone()
        rows = app.execute(
            "select upper from ml.predict_batch('sugar', 'select 0 as bmi, 0 as bp, 0 as s5', level => 0.9)"
        ).fetchone()
        assert rows == pytest.approx(found)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("select ml.roc_curve('digit', 'digits')")
    with psycopg.connect(conninfo(server, trained.info.dbname, stranger), autocommit=True) as other:
        for call in ("ml.predict_interval('sugar', array[0, 0, 0])", "ml.predict_set('digit', array[0])"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(f"select {call}".encode())


def test_too_few_rows_to_verify_say_the_least_number(trained: Session) -> None:
    with pytest.raises(psycopg.Error, match="at least 10 rows held out to verify on, there are 6"):
        train(trained, "x", "regression", "select bmi, y from diabetes limit 30", "y", intervals="{}")


def test_a_forged_calibration_is_refused(trained: Session) -> None:
    with trained.transaction(force_rollback=True):
        trained.execute("update ml.artifact set data = '{}' where kind = 'calibration'")
        with pytest.raises(psycopg.Error) as caught:
            trained.execute("select ml.cache_clear(), ml.predict_interval('sugar', array[0, 0, 0])")
    assert caught.value.sqlstate == "ML018"


@pytest.fixture
def system(trained: Session) -> Iterator[MLSystem]:
    """A system of the client on a connection of its own."""
    info = trained.info
    with DatabaseConnection(DatabaseConfig(info.host, info.port, info.dbname, info.user, None)) as db:
        yield create_ml_system(db)


def test_the_client_says_how_sure_too(system: MLSystem, trained: Session) -> None:
    one = system.predict_interval("sugar", [0.0, 0.0, 0.0], level=0.8)
    expected = trained.execute("select * from ml.predict_interval('sugar', array[0, 0, 0], 0.8)").fetchone()
    assert one is not None
    assert tuple(one.values()) == expected
    rows = trained.execute("select pixels, digit from digits where id < 20 order by id").fetchall()
    sets = [system.predict_set("digit", {"pixels": pixels}) for pixels, _ in rows]
    assert all(labels and str(digit) in labels for labels, (_, digit) in zip(sets, rows, strict=True))
    batch = system.predict_batch("digit", "select * from digits where id < 20", id_column="id", level=0.9)
    assert [row["id"] for row in batch] == [str(number) for number in range(20)]
    assert [row["labels"] for row in batch] == [[int(label) for label in labels or ()] for labels in sets]
    frame = system.predict_batch("sugar", np.zeros((3, 3)), as_frame=True, level=0.8)
    assert frame["lower"].tolist() == pytest.approx([one["lower"]] * 3)
    assert system.predict_into("sugar", "diabetes", "by_client", level=0.9) == 442
    result = system.train_model(
        "by client", "regression", "diabetes", target="y", intervals={"levels": [0.9]}, algorithm="linear"
    )
    assert result["metrics"]["intervals"]["levels"][0]["level"] == 0.9
    with pytest.raises(errors.UnsupportedOperationError):
        system.predict_set("sugar", [0.0, 0.0, 0.0])
    with pytest.raises(errors.InvalidArgumentError):
        system.predict_interval("sugar", [0.0, 0.0, 0.0], level=2.0)
    with pytest.raises(errors.InvalidArgumentError):
        system.predict_batch("sugar", "diabetes", id_column="id", id_type="bigint", level=0.9)
