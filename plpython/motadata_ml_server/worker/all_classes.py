"""A classifier that answers for all classes of a target, whichever of them its own rows have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone


def numbered(codes: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the classes that occur, and each row's position among them: numbers without a gap.

    XGBoost takes no others.
    """
    present, positions = np.unique(np.asarray(codes).astype(np.intp), return_inverse=True)
    return present, positions


def weights_of_present(estimator: Any, present: NDArray[np.intp]) -> None:
    """Renumber an unfitted estimator's class weights to the classes that its rows have."""
    weights = getattr(estimator, "class_weight", None)
    if isinstance(weights, dict):
        estimator.class_weight = {at: weights[code] for at, code in enumerate(present.tolist()) if code in weights}


class AllClasses(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn's classes are untyped
    """An estimator whose training rows may lack classes; a class that they lack has probability 0.

    Parameters, read and set, are those of the estimator inside.

    Parameters
    ----------
    estimator : estimator
        A classifier of numbers from 0.
    classes : int
        How many classes the target has.
    """

    def __init__(self, estimator: Any, classes: int) -> None:
        self.estimator = estimator
        self.classes_ = np.arange(classes)

    def __sklearn_clone__(self) -> AllClasses:
        """Return an unfitted copy."""
        return AllClasses(clone(self.estimator), len(self.classes_))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the estimator inside."""
        return dict(self.estimator.get_params(deep))

    def set_params(self, **params: Any) -> AllClasses:
        """Set parameters of the estimator inside."""
        self.estimator.set_params(**params)
        return self

    def fit(self, encoded: Any, goal: NDArray[Any], sample_weight: NDArray[np.float64] | None = None) -> AllClasses:
        """Fit the estimator on the classes that the rows have."""
        self.present_, positions = numbered(goal)
        weights_of_present(self.estimator, self.present_)
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator.fit(encoded, positions, **given)
        return self

    def predict(self, encoded: Any) -> NDArray[np.intp]:
        """Return class numbers."""
        return self.present_[np.asarray(self.estimator.predict(encoded), dtype=np.intp)]

    def __getattr__(self, name: str) -> Any:
        """Offer probabilities, and the scores of two classes, where the estimator inside does."""
        inside: Any = self.__dict__.get("estimator")
        if name == "predict_proba" and hasattr(inside, name):
            return self._probabilities
        if name == "decision_function" and hasattr(inside, name) and len(self.classes_) == 2:
            return inside.decision_function
        raise AttributeError(name)

    def _probabilities(self, encoded: Any) -> NDArray[np.float64]:
        own = np.asarray(self.estimator.predict_proba(encoded), dtype=np.float64)
        wide = np.zeros((len(own), len(self.classes_)))
        wide[:, self.present_] = own
        return wide
