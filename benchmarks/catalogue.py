"""What each figure is: the report's sections, in order, and the target that a figure is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure's meaning.

    Attributes
    ----------
    note : str
        What was measured, or against what.
    target : float or None
        The most it may be; a negative target is the least it has to be.
    """

    note: str
    target: float | None = None


SECTIONS: dict[str, dict[str, Figure]] = {
    "Reading a table into NumPy": {
        "ingest_seconds": Figure("seconds for all points, 11 numbers each, in the server"),
        "ingest_ratio_vs_adbc": Figure("against ADBC into NumPy in a client", 0.6),
        "ingest_ratio_vs_psycopg": Figure("against psycopg, binary, into NumPy in a client"),
        "ingest_ratio_vs_scan": Figure("against a sequential scan that sums every column, the floor"),
        "ingest_mixed_ratio_vs_adbc": Figure("flights: numbers, text, timestamps, NULLs; against ADBC", 0.9),
    },
    "Training": {
        "train_logreg_seconds": Figure("seconds of ml.train, logistic regression on all points"),
        "train_logreg_ratio_vs_client": Figure("against a client: ADBC, pandas, scikit-learn, model stored", 0.9),
        "train_forest_seconds": Figure("seconds of ml.train, forest of 100 trees on the sample of points"),
        "train_forest_ratio_vs_client": Figure("the same, forest", 1.05),
        "train_mixed_seconds": Figure("seconds of ml.train, gradient boosting on all flights"),
        "train_mixed_ratio_vs_client": Figure("the same, gradient boosting, flights", 0.9),
        "train_backend_growth_mb": Figure("MB that the backend grows by while all points are trained on", 64),
        "train_cancel_ms_p95": Figure("milliseconds from pg_cancel_backend to the error, 95 of 100", 200),
        "train_small_first_ms": Figure("milliseconds of the first ml.train of a session, 150 rows, logistic", 700),
        "train_small_ms": Figure("milliseconds of the next ones", 120),
        "train_busy_ratio": Figure(
            "1,000 rows by each of five algorithms, every core busy, against a quiet machine; the worst of them",
            3,
        ),
    },
    "One row in a SELECT": {
        "row_linear_us": Figure("microseconds of ml.predict_value, linear regression of 10 numbers", 12),
        "row_forest_us": Figure("microseconds of ml.predict_value, forest of 100 trees of depth 10", 30),
        "row_mixed_jsonb_us": Figure("microseconds of ml.predict, jsonb in and out, gradient boosting on flights", 60),
        "row_naive_plpython_us": Figure("microseconds of pickle, DataFrame and predict in PL/Python, linear"),
        "row_ratio_vs_naive_plpython": Figure("times faster than that", -100),
    },
    "Point queries": {
        "serve_ratio_vs_fastapi_sklearn": Figure("requests a second, logistic, 8 clients: times FastAPI, sklearn", -10),
        "serve_ratio_vs_fastapi_onnx": Figure("the same: times FastAPI, ONNX Runtime", -5),
        "serve_ratio_vs_fastapi_sklearn_forest": Figure("forest: times FastAPI, scikit-learn", -60),
        "serve_ratio_vs_fastapi_onnx_forest": Figure("forest: times FastAPI, ONNX Runtime", -5),
        "serve_logistic_per_second": Figure("requests a second, logistic, 8 clients, prepared"),
        "serve_logistic_p50_ms": Figure("median latency of those, milliseconds"),
        "serve_logistic_p99_ms": Figure("latency of 99 of 100, milliseconds"),
        "serve_forest_per_second": Figure("requests a second, forest, 8 clients, prepared"),
        "serve_forest_p50_ms": Figure("median latency of those, milliseconds"),
        "serve_forest_p99_ms": Figure("latency of 99 of 100, milliseconds"),
        "serve_logistic_pgbouncer_per_second": Figure("through PgBouncer, transaction pooling, logistic"),
        "serve_logistic_pgbouncer_p50_ms": Figure("median latency of those, milliseconds"),
        "serve_logistic_pgbouncer_p99_ms": Figure("latency of 99 of 100, milliseconds"),
        "serve_forest_pgbouncer_per_second": Figure("through PgBouncer, forest"),
        "serve_forest_pgbouncer_p50_ms": Figure("median latency of those, milliseconds"),
        "serve_forest_pgbouncer_p99_ms": Figure("latency of 99 of 100, milliseconds"),
        "serve_logistic_one_client_ratio": Figure(
            "one client: time of a query without its prediction's, against selecting the row alone", 2
        ),
        "serve_forest_one_client_ratio": Figure("the same, forest", 2),
    },
    "Over HTTP": {
        "http_ratio_vs_fastapi_onnx": Figure(
            "requests of one row a second, 8 clients, key looked up: times FastAPI with ONNX Runtime in its process",
            -1.2,
        ),
        "http_per_second": Figure("those requests a second"),
        "http_fastapi_onnx_per_second": Figure("those of FastAPI"),
        "http_p50_ms": Figure("median latency of ours, milliseconds"),
        "http_p99_ms": Figure("latency of 99 of 100 of ours, milliseconds, warm", 8),
        "http_fastapi_onnx_p99_ms": Figure("the same of FastAPI"),
        "http_batch_rows_per_second": Figure("rows a second, 100 in a request", -150_000),
    },
    "Whole tables": {
        "batch_logistic_seconds": Figure("seconds of ml.predict_batch of all points into a table, logistic"),
        "batch_logreg_ratio_vs_client": Figure("against ADBC, scikit-learn and COPY back by a client", 0.5),
        "batch_forest_seconds": Figure("seconds of ml.predict_batch of all points into a table, forest"),
        "batch_forest_ratio_vs_client": Figure("the same, forest, the client on a thread a core", 0.5),
        "batch_forest_ratio_vs_client_one_thread": Figure("the same, the client on one thread"),
        "batch_ratio_vs_memory_limit": Figure(
            "forest, against predict_proba of the array in memory by the client's threads, plus the scan"
        ),
        "batch_logistic_ratio_vs_memory_limit": Figure("the same, logistic"),
        "batch_backend_growth_mb": Figure("MB that the backend grows by while it predicts all points", 300),
    },
    "Why": {
        "explain_linear_us": Figure(
            "microseconds a row of ml.explain in a SELECT: the base and 3 of 10 numbers, linear regression", 15
        ),
        "explain_forest_batch_us": Figure(
            "microseconds a row of ml.explain_batch, 3 of 10 numbers, forest of 100 trees of depth 6, 100,000 rows", 30
        ),
        "importance_ratio_vs_fit": Figure("what importances add to a training of that forest, against it without", 0.5),
    },
    "Trees and the order of rows": {
        "order_forest_ratio": Figure("10,000 rows by a forest in the order of the product, against as they come", 1),
        "order_boosting_ratio": Figure("the same, gradient boosting", 1),
        "order_wide_forest_ratio": Figure("the same, a forest on 60 features of which all matter alike", 1),
    },
    "Cold start": {
        "cold_first_predict_ms": Figure("milliseconds of the first prediction of a new session, forest", 300),
        "cold_ratio_vs_sklearn": Figure("times faster than importing scikit-learn and pandas in the session"),
        "session_memory_mb": Figure("MB of its own over a session with plain PL/Python", 80),
    },
    "Models as SQL": {
        "sql_linear_ratio_vs_scan": Figure("a linear model inlined into a query, against the scan alone", 3),
        "sql_tree_ratio_vs_predict_value": Figure("a tree of depth 5 as SQL, against ml.predict_value"),
    },
}

MADLIB = "Apache MADlib"
"""A section that is there only where a server with it was named."""

_MADLIB_TASKS = {
    "linear": "linear regression, root mean squared error",
    "logistic": "logistic regression, accuracy",
    "kmeans": "k-means, sum of squared distances",
    "tree": "decision tree, accuracy",
    "forest": "forest, accuracy",
}

MADLIB_FIGURES = {
    f"madlib_{task}_{figure}": Figure(f"{what}: {note}")
    for task, what in _MADLIB_TASKS.items()
    for figure, note in {
        "train_ratio": "time of ml.train against MADlib's training",
        "predict_ratio": "time of ml.predict_batch into a table against MADlib's prediction",
        "score_ours": "score of ours",
        "score_madlib": "score of MADlib's",
    }.items()
}

_STANDBY_WORK = {
    "linear_row": "linear model, one row a statement",
    "linear_rows": "linear model, 1,000 rows a statement",
    "forest_row": "forest, one row a statement",
    "forest_rows": "forest, 1,000 rows a statement",
}

STANDBY_FIGURES = {
    f"standby_{work}_{count}_{figure}": Figure(f"{what}, {count} standbys: {note}")
    for work, what in _STANDBY_WORK.items()
    for count in (0, 1, 2)
    for figure, note in {
        "per_second": "predictions a second of four clients",
        "cpu_us": "CPU microseconds of the servers for a prediction",
        "busiest": "share of the busiest server",
    }.items()
}

OPTIONAL = {"Standbys behind one connection string": STANDBY_FIGURES, MADLIB: MADLIB_FIGURES}
"""Sections that not every run has."""

FIGURES = {name: figure for section in SECTIONS.values() for name, figure in section.items()}


def note_of(name: str) -> str:
    """Return what a figure is."""
    return {**FIGURES, **STANDBY_FIGURES, **MADLIB_FIGURES}[name].note


def verdict(name: str, value: float) -> str:
    """Say whether a figure reaches its target."""
    figure = FIGURES.get(name)
    if figure is None or figure.target is None:
        return ""
    target = figure.target
    reached = value <= target if target >= 0 else value >= -target
    return f"{'reached' if reached else 'missed'} ({'at most' if target >= 0 else 'at least'} {abs(target):g})"


@dataclass(frozen=True)
class Curve:
    """A plot of figures that differ by a number in their name.

    Attributes
    ----------
    title, x_label, y_label : str
        With units.
    series : dict of str to str
        Names of figures by the name of the line; ``#`` stands for the number.
    """

    title: str
    x_label: str
    y_label: str
    series: dict[str, str]


def _serving(model: str, figure: str) -> dict[str, str]:
    sides = {
        "ml.predict_proba": "direct",
        "through PgBouncer": "pgbouncer",
        "FastAPI, ONNX Runtime": "fastapi_onnx",
        "FastAPI, scikit-learn": "fastapi_sklearn",
    }
    return {name: f"serve_{model}_{side}_#_{figure}" for name, side in sides.items()}


def _batch(figure: str) -> dict[str, str]:
    return {
        f"{model}, {name}": f"batch_{model}_{side}_#_{figure}"
        for model in ("logistic", "forest")
        for side, name in (("ours", "predict_batch"), ("client", "client"))
    }


def _scale(**labels: str) -> dict[str, str]:
    return {label: f"scale_{name}_#" for name, label in labels.items()}


CURVES: dict[str, Curve] = {
    "serve-logistic": Curve(
        "Point queries, logistic", "clients", "requests a second", _serving("logistic", "per_second")
    ),
    "serve-forest": Curve("Point queries, forest", "clients", "requests a second", _serving("forest", "per_second")),
    "latency-logistic-p50": Curve(
        "Median latency, logistic", "clients", "milliseconds", _serving("logistic", "p50_ms")
    ),
    "latency-logistic-p99": Curve(
        "Latency of 99 of 100, logistic", "clients", "milliseconds", _serving("logistic", "p99_ms")
    ),
    "latency-forest-p50": Curve("Median latency, forest", "clients", "milliseconds", _serving("forest", "p50_ms")),
    "latency-forest-p99": Curve(
        "Latency of 99 of 100, forest", "clients", "milliseconds", _serving("forest", "p99_ms")
    ),
    "batch-seconds": Curve("Whole tables: time", "rows", "seconds", _batch("seconds")),
    "batch-memory": Curve("Whole tables: memory of its own", "rows", "MB", _batch("mb")),
    "scale-rows": Curve(
        "Rows", "rows", "seconds", _scale(read_rows="reading", train_rows="ml.train", batch_rows="ml.predict_batch")
    ),
    "scale-columns": Curve(
        "Columns: 5,000 rows", "columns", "seconds", _scale(train_columns="ml.train", batch_columns="ml.predict_batch")
    ),
    "scale-columns-row": Curve("Columns: one row", "columns", "microseconds", _scale(row_columns="ml.predict_value")),
    "scale-trees": Curve(
        "Trees: 5,000 rows", "trees", "seconds", _scale(train_trees="ml.train", batch_trees="ml.predict_batch")
    ),
    "scale-trees-row": Curve("Trees: one row", "trees", "microseconds", _scale(row_trees="ml.predict_value")),
    "scale-look-up": Curve(
        "A statement that looks up a model and predicts",
        "models in the session, or tenants",
        "microseconds",
        _scale(models_look_up="models", tenants_look_up="tenants", tenants_all_look_up="tenants, a role of all"),
    ),
    "scale-sessions": Curve(
        "Sessions: cost of a prediction, all sessions asking",
        "sessions",
        "microseconds",
        _scale(sessions_cost="ml.predict_value"),
    ),
    "scale-memory": Curve(
        "Memory",
        "sessions, or models in one",
        "MB",
        _scale(sessions_memory="all sessions", models_memory="models"),
    ),
}
