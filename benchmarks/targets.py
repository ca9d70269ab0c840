"""What each number is to reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A bound on one result.

    Attributes
    ----------
    name : str
        The result's name.
    limit : float
        The bound, itself included.
    least : bool
        Whether the result has to be at least, not at most, the bound.
    meaning : str
        What is measured, for the table.
    """

    name: str
    limit: float
    meaning: str
    least: bool = False

    def reached(self, value: float) -> bool:
        """Say whether a value is within the bound."""
        return value >= self.limit if self.least else value <= self.limit


TARGETS = (
    Target("ingest_ratio_vs_adbc", 0.6, "reading a table of 11 numbers: time against ADBC into NumPy"),
    Target("ingest_mixed_ratio_vs_adbc", 0.9, "reading the flights: time against ADBC into Arrow"),
    Target("train_logreg_ratio_vs_client", 0.9, "training a logistic regression: time against a client"),
    Target("train_forest_ratio_vs_client", 1.05, "training a forest: time against a client"),
    Target("train_mixed_ratio_vs_client", 0.9, "training on the flights: time against a client"),
    Target("train_backend_growth_mb", 64, "growth of the backend in a training, MB"),
    Target("train_cancel_ms_p95", 200, "cancelling a training, ms, 95th percentile"),
    Target("row_linear_us", 12, "predict_value in a SELECT, linear model, us a row"),
    Target("row_forest_us", 30, "predict_value in a SELECT, forest of 100 trees, us a row"),
    Target("row_mixed_jsonb_us", 60, "predict on the flights, jsonb in and out, us a row"),
    Target("row_ratio_vs_naive_plpython", 100, "times faster than scikit-learn called per row in PL/Python", least=True),
    Target("serve_ratio_vs_fastapi_sklearn", 10, "requests a second against FastAPI and scikit-learn", least=True),
    Target("serve_ratio_vs_fastapi_onnx", 5, "requests a second against FastAPI and onnxruntime", least=True),
    Target("serve_ratio_vs_fastapi_sklearn_forest", 60, "the same with a forest", least=True),
    Target("serve_ratio_vs_fastapi_onnx_forest", 5, "the same with a forest", least=True),
    Target("batch_logreg_ratio_vs_client", 0.5, "predict_batch, logistic regression: time against a client"),
    Target("batch_forest_ratio_vs_client", 0.5, "predict_batch, forest: time against a client"),
    Target("batch_ratio_vs_memory_limit", 1.5, "predict_batch, forest: time against scikit-learn in memory plus the scan"),
    Target("batch_backend_growth_mb", 300, "growth of the backend in a predict_batch, MB"),
    Target("cold_first_predict_ms", 300, "first prediction of a new session, ms"),
    Target("session_memory_mb", 80, "memory after it, over a plain PL/Python session, MB"),
    Target("sql_linear_ratio_vs_scan", 3, "create_sql_function, linear model: time against the scan"),
    Target("tenants_lookup_exponent", 0.1, "look-up of a model: exponent in the number of tenants"),
)
"""In the order of the table; a result without a bound is reported beside it."""
