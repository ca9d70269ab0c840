"""Estimators of scikit-learn that a table cannot be trained with here, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_META = "needs another estimator as a parameter"
_SEVERAL_TARGETS = "predicts several targets at once"
_NO_PREDICT = "labels only the rows it was fitted on, so it cannot predict new ones"
_NO_TRANSFORM = "transforms only the rows it was fitted on"
_SEVERAL_TABLES = "needs two tables"
_COUNTS = "factorises documents or dictionaries, not rows of a table"

DENIED: Mapping[str, str] = MappingProxyType(
    {
        "AdditiveChi2Sampler": "approximates a kernel; it decomposes nothing",
        "AgglomerativeClustering": _NO_PREDICT,
        "BaggingClassifier": _META,
        "BaggingRegressor": _META,
        "Birch": "cannot be stored without pickle",
        "CategoricalNB": "takes only category numbers from 0, with none unknown",
        "CCA": _SEVERAL_TABLES,
        "ClassifierChain": _META,
        "DBSCAN": _NO_PREDICT,
        "DictionaryLearning": _COUNTS,
        "FeatureAgglomeration": _NO_PREDICT,
        "FixedThresholdClassifier": _META,
        "FrozenEstimator": _META,
        "HDBSCAN": _NO_PREDICT,
        "IsotonicRegression": "takes a single feature",
        "LatentDirichletAllocation": _COUNTS,
        "LocalOutlierFactor": _NO_PREDICT,
        "MiniBatchDictionaryLearning": _COUNTS,
        "MultiOutputClassifier": _META,
        "MultiOutputRegressor": _META,
        "MultiTaskElasticNet": _SEVERAL_TARGETS,
        "MultiTaskElasticNetCV": _SEVERAL_TARGETS,
        "MultiTaskLasso": _SEVERAL_TARGETS,
        "MultiTaskLassoCV": _SEVERAL_TARGETS,
        "OneVsOneClassifier": _META,
        "OneVsRestClassifier": _META,
        "OPTICS": _NO_PREDICT,
        "OutputCodeClassifier": _META,
        "PLSCanonical": _SEVERAL_TABLES,
        "PLSSVD": _SEVERAL_TABLES,
        "RANSACRegressor": _META,
        "RegressorChain": _META,
        "SelfTrainingClassifier": _META,
        "SparseCoder": _COUNTS,
        "SpectralBiclustering": _NO_PREDICT,
        "SpectralClustering": _NO_PREDICT,
        "SpectralCoclustering": _NO_PREDICT,
        "TransformedTargetRegressor": _META,
        "TunedThresholdClassifierCV": _META,
    }
)
