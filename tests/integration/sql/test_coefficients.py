"""`ml.coefficients` against NIST's certified values, and what R says of textbook regressions."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.sql import nist

MTCARS_WEIGHT = [
    2.620, 2.875, 2.320, 3.215, 3.440, 3.460, 3.570, 3.190, 3.150, 3.440, 3.440, 4.070, 3.730, 3.780, 5.250, 5.424,
    5.345, 2.200, 1.615, 1.835, 2.465, 3.520, 3.435, 3.840, 3.845, 1.935, 2.140, 1.513, 3.170, 2.770, 3.570, 2.780,
]  # fmt: skip
MTCARS_MANUAL = [*[1] * 3, *[0] * 14, *[1] * 3, *[0] * 5, *[1] * 7]


def digits(found: float, certified: float) -> float:
    """Return how many digits agree, as NIST counts them: of the size itself where the certified value is 0."""
    error = abs(found - certified) / (abs(certified) or 1.0)
    return 15.0 if error == 0.0 else min(15.0, -math.log10(error))


def fit(session: psycopg.Connection[Any], name: str, rows: list[tuple[float, ...]], **hyperparameters: Any) -> None:
    columns = [f"x{at}" for at in range(1, len(rows[0]))]
    session.execute(f"create table {name} (y float8, {', '.join(f'{column} float8' for column in columns)})".encode())
    with session.cursor() as cursor:
        cursor.executemany(f"insert into {name} values ({', '.join(['%s'] * len(rows[0]))})".encode(), rows)
    train(session, name, "linear_regression", name, **hyperparameters)


def train(session: psycopg.Connection[Any], name: str, algorithm: str, rows: str, **hyperparameters: Any) -> None:
    session.execute(
        "select ml.train(%s, %s, %s, 'y', algorithm => %s, hyperparameters => %s, test_size => 0)",
        [
            name,
            "classification" if algorithm == "logistic_regression" else "regression",
            rows,
            algorithm,
            Jsonb(hyperparameters),
        ],
    )


def listed(session: psycopg.Connection[Any], name: str) -> list[dict[str, Any]]:
    with session.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute("select * from ml.coefficients(%s)", [name]).fetchall()


@pytest.mark.parametrize(
    ("name", "rows", "certified", "of_coefficients", "of_errors"),
    [
        ("longley", nist.LONGLEY, nist.LONGLEY_VALUES, 12, 12),
        ("norris", nist.NORRIS, nist.NORRIS_VALUES, 11, 12),
        *(
            (
                f"wampler{number}",
                [(y, *(float(x) ** power for power in range(1, 6))) for x, y in enumerate(values)],
                nist.WAMPLER_VALUES[number],
                {1: 8, 2: 11, 3: 8, 4: 7.5, 5: 5.5}[number],
                {1: 5, 2: 8, 3: 9, 4: 9, 5: 9}[number],
            )
            for number, values in nist.WAMPLER.items()
        ),
    ],
)
def test_certified_values_of_nist_are_reached(
    module_db: psycopg.Connection[Any],
    name: str,
    rows: list[tuple[float, ...]],
    certified: list[tuple[float, float]],
    of_coefficients: float,
    of_errors: float,
) -> None:
    fit(module_db, name, rows)
    found = listed(module_db, name)
    assert [row["term"] for row in found] == ["(intercept)", *(f"x{at}" for at in range(1, len(rows[0])))]
    reached = [
        (digits(row["coefficient"], value), digits(row["std_error"], error))
        for row, (value, error) in zip(found, certified, strict=True)
    ]
    assert min(one for one, _ in reached) >= of_coefficients, reached
    assert min(other for _, other in reached) >= of_errors, reached
    for row, (value, error) in zip(found, certified, strict=True):
        assert (row["class"], row["level"], row["reason"]) == (None, None, None)
        if error:
            assert row["statistic"] == pytest.approx(value / error, rel=1e-5)
            assert row["lower"] < row["coefficient"] < row["upper"]


def test_bounds_and_p_values_are_students(module_db: psycopg.Connection[Any]) -> None:
    """Longley's residuals have 9 degrees of freedom, whose 97.5 % point is 2.262157162740992."""
    fit(module_db, "longley_again", nist.LONGLEY)
    year = listed(module_db, "longley_again")[-1]
    assert year["upper"] - year["coefficient"] == pytest.approx(2.262157162740992 * 455.478499142212, rel=1e-9)
    assert year["p_value"] == pytest.approx(0.003037, abs=5e-7)


def test_ten_powers_of_one_column_need_a_smaller_tolerance(module_db: psycopg.Connection[Any]) -> None:
    """Filip: at scikit-learn's tolerance three of ten directions are left out, and no digit is right."""
    rows = [(y, *(x**power for power in range(1, 11))) for y, x in nist.FILIP]
    fit(module_db, "filip", rows)
    found = listed(module_db, "filip")
    assert max(digits(row["coefficient"], value) for row, value in zip(found, nist.FILIP_VALUES, strict=True)) < 1
    assert {row["std_error"] for row in found} == {None}
    assert {row["reason"] for row in found} == {
        "columns are so much alike that the fit left some of what they say out: lower tol"
    }
    train(module_db, "filip", "linear_regression", "filip", tol=1e-15)
    found = listed(module_db, "filip")
    reached = [digits(row["coefficient"], value) for row, value in zip(found, nist.FILIP_VALUES, strict=True)]
    assert min(reached) >= 6.5, reached
    # certified: 298.084530995537 and 559.779865474950
    assert digits(found[0]["std_error"], 298.084530995537) >= 6
    assert digits(found[1]["std_error"], 559.779865474950) >= 6


def test_columns_that_determine_each_other_have_no_errors_of_their_own(module_db: psycopg.Connection[Any]) -> None:
    module_db.execute(
        """create table sizes as select i % 7 + 0.1 * sin(i) as y, i::float8 as a, 2.0 * i as b, sin(i * 3) as c,
        (array['s', 'm', 'l'])[1 + i % 3] as size from generate_series(1, 60) as i"""
    )
    train(module_db, "twice", "linear_regression", "select y, a, b, c from sizes")
    by_term = {row["term"]: row for row in listed(module_db, "twice")}
    assert by_term["a"]["std_error"] is None
    assert by_term["a"]["reason"] == "it and other columns determine each other"
    assert by_term["b"]["lower"] is None
    assert by_term["c"]["std_error"] > 0
    assert by_term["c"]["reason"] is None


def test_a_logistic_regression_without_penalty_has_the_errors_of_r(module_db: psycopg.Connection[Any]) -> None:
    """glm(am ~ wt, binomial, mtcars), whose weights are those of the last iteration but one."""
    module_db.execute("create table mtcars (wt float8, y boolean)")
    with module_db.cursor() as cursor:
        cursor.executemany(
            "insert into mtcars values (%s, %s)",
            [(weight, bool(manual)) for weight, manual in zip(MTCARS_WEIGHT, MTCARS_MANUAL, strict=True)],
        )
    train(module_db, "manual", "logistic_regression", "mtcars", C=1e12, tol=1e-10, max_iter=1000)
    intercept, weight = listed(module_db, "manual")
    assert (intercept["class"], weight["class"]) == ("true", "true")
    assert intercept["coefficient"] == pytest.approx(12.040, abs=5e-4)
    assert intercept["std_error"] == pytest.approx(4.510, abs=5e-4)
    assert intercept["p_value"] == pytest.approx(0.00759, abs=5e-6)
    assert weight["coefficient"] == pytest.approx(-4.024, abs=5e-4)
    assert weight["std_error"] == pytest.approx(1.436, abs=1e-3)
    assert weight["statistic"] == pytest.approx(-2.801, abs=5e-4)
    assert weight["p_value"] == pytest.approx(0.00509, abs=5e-6)


def test_a_poisson_regression_without_penalty_has_the_errors_of_r(module_db: psycopg.Connection[Any]) -> None:
    """The trial of Dobson (1990), which R's help on glm shows: outcome and treatment as indicators."""
    counts = [18, 17, 15, 20, 10, 20, 25, 13, 12]
    rows = [
        (count, float(at % 3 == 1), float(at % 3 == 2), float(at // 3 == 1), float(at // 3 == 2))
        for at, count in enumerate(counts)
    ]
    module_db.execute("create table trial (y float8, outcome2 float8, outcome3 float8, second float8, third float8)")
    with module_db.cursor() as cursor:
        cursor.executemany("insert into trial values (%s, %s, %s, %s, %s)", rows)
    train(module_db, "trial", "PoissonRegressor", "trial", alpha=0, tol=1e-10, max_iter=1000)
    found = {row["term"]: row for row in listed(module_db, "trial")}
    for term, coefficient, error in (
        ("(intercept)", 3.045, 0.1709),
        ("outcome2", -0.4543, 0.2022),
        ("outcome3", -0.2930, 0.1927),
        ("second", 0.0, 0.2000),
        ("third", 0.0, 0.2000),
    ):
        assert found[term]["coefficient"] == pytest.approx(coefficient, abs=5e-4), term
        assert found[term]["std_error"] == pytest.approx(error, abs=5e-5), term
    assert found["outcome2"]["p_value"] == pytest.approx(0.0246, abs=5e-5)


def test_coefficients_are_for_values_as_they_stand_in_the_table(module_db: psycopg.Connection[Any]) -> None:
    module_db.execute(
        """create table priced as select i::float8 * 1000 as area, (array['s', 'm', 'l'])[1 + i % 3] as size,
        timestamp '2026-01-01' + i * interval '1 day' as at, 0.5 * i * 1000 + (i % 3) * 70 + sin(i) as y
        from generate_series(1, 90) as i"""
    )
    train(module_db, "priced", "ridge", "select area, size, y from priced", alpha=0.001)
    rows = {(row["term"], row["level"]): row for row in listed(module_db, "priced")}
    assert rows[("area", None)]["coefficient"] == pytest.approx(0.5, rel=1e-3)
    assert rows[("size", "l")]["coefficient"] - rows[("size", "m")]["coefficient"] == pytest.approx(70, rel=0.02)
    assert {row["reason"] for row in rows.values()} == {"the theory of standard errors does not hold for Ridge"}
    assert {row["std_error"] for row in rows.values()} == {None}
    (expected,) = module_db.execute(
        """select ml.predict_value('priced', '{"area": 5000, "size": "m"}')"""
    ).fetchone() or (None,)
    total = rows[("(intercept)", None)]["coefficient"] + 5000 * rows[("area", None)]["coefficient"]
    assert total + rows[("size", "m")]["coefficient"] == pytest.approx(expected, rel=1e-12)


def test_each_class_of_several_has_its_coefficients(module_db: psycopg.Connection[Any]) -> None:
    module_db.execute(
        """create table three as select i::float8 as a, (array['p', 'q', 'r'])[1 + i / 31] as y
        from generate_series(1, 90) as i"""
    )
    train(module_db, "three", "logistic_regression", "three", C=1e12)
    rows = listed(module_db, "three")
    assert [(row["class"], row["term"]) for row in rows] == [
        (label, term) for label in "pqr" for term in ("(intercept)", "a")
    ]
    assert {row["reason"] for row in rows} == {"standard errors are computed for two classes only"}


def test_a_penalised_model_says_so(module_db: psycopg.Connection[Any]) -> None:
    train(module_db, "penalised", "logistic_regression", "select area, area > 40000 as y from priced")
    reasons = {row["reason"] for row in listed(module_db, "penalised")}
    assert reasons == {"the model is penalised, which biases its coefficients: C must be 1e10 or more"}


def test_a_model_that_is_not_linear_has_none(module_db: psycopg.Connection[Any]) -> None:
    train(module_db, "tree", "decision_tree", "select area, y from priced")
    with pytest.raises(psycopg.Error, match="no coefficients") as caught:
        listed(module_db, "tree")
    assert caught.value.sqlstate == "ML020"
    assert "explain_batch" in str(caught.value.diag.message_hint)


@pytest.mark.parametrize("algorithm", ["linear_regression", "logistic_regression", "poisson_regressor"])
def test_fewer_rows_than_columns_train_and_say_why_there_are_no_errors(
    db: psycopg.Connection[Any], algorithm: str
) -> None:
    columns = ", ".join(f"sin(i * {k}.5) as x{k}" for k in range(30))
    source = f"select {columns}, i % 2 as y from generate_series(1, 20) i"
    of = {"logistic_regression": ("classification", '{"C": 1e12}'), "poisson_regressor": ("regression", '{"alpha": 0}')}
    kind, hyperparameters = of.get(algorithm, ("regression", "{}"))
    db.execute(
        "select ml.train('wide', %s, %s, 'y', algorithm => %s, hyperparameters => %s, test_size => 0.1)",
        [kind, source, algorithm, hyperparameters],
    )
    rows = db.execute("select distinct std_error, reason from ml.coefficients('wide')").fetchall()
    assert rows == [(None, "there are no more rows than coefficients")]
