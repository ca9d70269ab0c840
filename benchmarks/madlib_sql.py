"""The statements of the comparison with Apache MADlib, on both sides, as its documentation (1.21, 2.1) has them.

Each task trains on table ``madlib_points`` (id, c1 to c10, label, target) and writes a table ``predicted`` with id and
answer, which one query scores alike on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.models import ARRAY, FEATURES, LISTED

WITH_ONE = f"ARRAY[1, {LISTED}]"
"""MADlib fits an intercept where the features hold a constant."""

TREES, DEPTH, CLUSTERS = 20, 8, 5

_ACCURACY = (
    "select avg((p.answer::text = s.label::text)::integer)::float8 from predicted p join madlib_points s using (id)"
)
_RMSE = "select sqrt(avg((p.answer::float8 - s.target) ^ 2)) from predicted p join madlib_points s using (id)"
_SPREAD = (
    "select sum(spread) from (select count(*) * ("
    + " + ".join(f"var_pop({name})" for name in FEATURES)
    + ") as spread from predicted p join madlib_points s using (id) group by p.answer) as clusters"
)


@dataclass(frozen=True)
class Task:
    """One model on both sides.

    Attributes
    ----------
    drops : tuple of str
        Tables that MADlib's training makes.
    train, predict : str
        MADlib's statements.
    our_train : str
        The arguments of ``ml.train`` after the model's name.
    our_answer : str
        Which column of ``ml.predict_batch`` is the answer.
    score : str
        One number from table ``predicted``.
    apart : float
        How far the two scores may lie apart, as a share of MADlib's.
    """

    drops: tuple[str, ...]
    train: str
    predict: str
    our_train: str
    our_answer: str
    score: str
    apart: float


def _by_coefficients(model: str, function: str) -> str:
    return (
        f"create table predicted as select s.id, madlib.{function}(m.coef, {WITH_ONE}) as answer "
        f"from madlib_points s, {model} m"
    )


def _ours(model_type: str, target: str | None, arguments: str) -> str:
    columns = LISTED if target is None else f"{LISTED}, {target}"
    named = "NULL" if target is None else f"'{target}'"
    return f"'{model_type}', 'select {columns} from madlib_points', {named}, {arguments}, test_size => 0"


TASKS: dict[str, Task] = {
    "linear": Task(
        ("madlib_linear", "madlib_linear_summary"),
        f"select madlib.linregr_train('madlib_points', 'madlib_linear', 'target', '{WITH_ONE}')",
        _by_coefficients("madlib_linear", "linregr_predict"),
        _ours("regression", "target", "algorithm => 'linear_regression'"),
        "value",
        _RMSE,
        1e-3,
    ),
    "logistic": Task(
        ("madlib_logistic", "madlib_logistic_summary"),
        f"select madlib.logregr_train('madlib_points', 'madlib_logistic', 'label', '{WITH_ONE}', NULL, 20, 'irls')",
        _by_coefficients("madlib_logistic", "logregr_predict"),
        _ours("classification", "label", "algorithm => 'logistic_regression'"),
        "prediction",
        _ACCURACY,
        0.01,
    ),
    "kmeans": Task(
        ("madlib_kmeans",),
        f"create table madlib_kmeans as select * from madlib.kmeanspp('madlib_points', '{ARRAY}', {CLUSTERS}, "
        "'madlib.squared_dist_norm2', 'madlib.avg', 100, 0.001)",
        "create table predicted as "
        f"select s.id, (madlib.closest_column(m.centroids, {ARRAY})).column_id as answer "
        "from madlib_points s, madlib_kmeans m",
        _ours("clustering", None, f"algorithm => 'kmeans', hyperparameters => '{{\"n_clusters\": {CLUSTERS}}}'"),
        "prediction",
        _SPREAD,
        0.05,
    ),
    "tree": Task(
        ("madlib_tree", "madlib_tree_summary"),
        f"select madlib.tree_train('madlib_points', 'madlib_tree', 'id', 'label', '{LISTED}', NULL, 'gini', NULL, "
        f"NULL, {DEPTH}, 20, 7, 100)",
        "select madlib.tree_predict('madlib_tree', 'madlib_points', 'madlib_answers', 'response')",
        _ours(
            "classification",
            "label",
            f"algorithm => 'decision_tree', hyperparameters => "
            f'\'{{"max_depth": {DEPTH}, "min_samples_split": 20, "min_samples_leaf": 7}}\'',
        ),
        "prediction",
        _ACCURACY,
        0.03,
    ),
    "forest": Task(
        ("madlib_forest", "madlib_forest_summary", "madlib_forest_group"),
        f"select madlib.forest_train('madlib_points', 'madlib_forest', 'id', 'label', '{LISTED}', NULL, NULL, "
        f"{TREES}, 3, false, 1, {DEPTH}, 20, 7, 100)",
        "select madlib.forest_predict('madlib_forest', 'madlib_points', 'madlib_answers', 'response')",
        _ours(
            "classification",
            "label",
            "algorithm => 'random_forest', hyperparameters => "
            f'\'{{"n_estimators": {TREES}, "max_depth": {DEPTH}, "max_features": 3, '
            '"min_samples_split": 20, "min_samples_leaf": 7}\'',
        ),
        "prediction",
        _ACCURACY,
        0.03,
    ),
}

FROM_ANSWERS = "create table predicted as select id, estimated_label as answer from madlib_answers"
"""Trees write a table of their own, whose second column is named after the target."""
