"""What each algorithm is and what it is good for, in a sentence: what `ml.algorithms` says beside hyperparameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SPARSE = "many features of which few matter"
_BOOSTING = "tables of any size from some hundred rows on: usually the most accurate"
_FOREST = "tables with few settings to choose; its probabilities are overconfident"
_NEIGHBOURS = "few features of a like scale, few rows"
_MARGINS = "some thousand rows with boundaries that are not straight; large tables are slow"
_STREAM = "tables beyond memory, learned chunk by chunk"
_COUNTS = "counts and amounts that are never negative"
_WORDS = "word counts of texts"

NOTES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "ARDRegression": ("Bayesian linear regression that switches features off.", _SPARSE),
        "AdaBoost": ("Small trees, each fitted to what those before got wrong.", "clean labels, few outliers"),
        "AffinityPropagation": (
            "Clusters around rows that others elect.",
            "up to some thousand rows, clusters unknown",
        ),
        "BayesianGaussianMixture": ("A mixture of normal distributions, as many as are needed.", "oval clusters"),
        "BayesianRidge": ("Ridge regression that finds its regularisation itself.", "few rows, correlated features"),
        "BernoulliNB": ("Naive Bayes of features that are there or not.", "flags and words, a first baseline"),
        "BisectingKMeans": ("K-means by splitting clusters in two.", "many clusters of a like size"),
        "Calibrated": (
            "Another classifier, its probabilities made true on folds.",
            "probabilities that decide, of forests and boosting",
        ),
        "ComplementNB": ("Naive Bayes that corrects for rare classes.", _WORDS),
        "DecisionTree": ("One tree of questions.", "a model that can be read, or written as SQL"),
        "Dummy": ("The most frequent class, or the mean.", "the baseline that others have to beat"),
        "ElasticNet": ("Linear regression with both kinds of regularisation.", _SPARSE),
        "EllipticEnvelope": ("Rows far from the middle of one normal distribution.", "one dense cloud of rows"),
        "ExtraTree": ("One tree with questions drawn by chance.", "parts of ensembles"),
        "ExtraTrees": ("A forest whose questions are drawn by chance.", _FOREST),
        "FactorAnalysis": ("Few hidden factors, and noise for each feature.", "questionnaires and measurements"),
        "FastICA": ("Sources that are independent of each other.", "signals that were mixed"),
        "GammaRegressor": ("A linear model of positive amounts, by their logarithm.", "costs and durations"),
        "GaussianMixture": ("A mixture of normal distributions.", "oval clusters of different sizes"),
        "GaussianNB": ("Naive Bayes of numbers spread normally.", "few rows, a first baseline"),
        "GaussianProcess": ("A distribution over smooth functions.", "some hundred rows without jumps"),
        "GradientBoosting": ("Trees, each fitted to what is left to explain.", "up to some thousand rows"),
        "HistGradientBoosting": ("Boosted trees on binned features, NULLs as they are.", _BOOSTING),
        "HuberRegressor": ("Linear regression that outliers pull less.", "targets with outliers"),
        "IncrementalPCA": ("Principal components, chunk by chunk.", _STREAM),
        "IsolationForest": ("Rows that few random questions set apart.", "anomalies of any table"),
        "KMeans": ("Clusters around means.", "round clusters of a like size"),
        "KNeighbors": ("The nearest rows decide.", _NEIGHBOURS),
        "KernelPCA": ("Principal components of a curved space.", "few rows on curved shapes"),
        "KernelRidge": ("Ridge regression in a curved space.", "few rows, smooth functions"),
        "LGBM": ("LightGBM's boosted trees.", _BOOSTING),
        "LabelPropagation": ("Labels that spread to near rows.", _NEIGHBOURS),
        "LabelSpreading": ("Labels that spread to near rows, with some doubt.", _NEIGHBOURS),
        "Lars": ("Linear regression, one feature after another.", _SPARSE),
        "Lasso": ("Linear regression that leaves features out.", _SPARSE),
        "LassoLars": ("The lasso, one feature after another.", _SPARSE),
        "LassoLarsIC": ("The lasso, as strong as an information criterion says.", _SPARSE),
        "LinearDiscriminantAnalysis": ("Normal classes of one shape.", "few rows, classes like clouds"),
        "LinearRegression": ("Least squares.", "what has to be read as a formula"),
        "LinearSVC": ("The widest straight margin between classes.", "texts and many features; no probabilities"),
        "LinearSVR": ("A line that counts errors beyond a margin alone.", "many features, targets with outliers"),
        "LogisticRegression": ("A linear score as probabilities.", "few rows, texts, reasons that can be read"),
        "MLP": ("A small neural network.", "some thousand rows and more of scaled numbers"),
        "MeanShift": ("Clusters at peaks of density.", "up to some thousand rows, clusters unknown"),
        "MiniBatchKMeans": ("K-means on batches of rows.", "very many rows, and streams"),
        "MiniBatchNMF": ("Parts that add up, from batches of rows.", _COUNTS),
        "MiniBatchSparsePCA": ("Components of few features, from batches of rows.", _SPARSE),
        "MultinomialNB": ("Naive Bayes of counts.", _WORDS),
        "NMF": ("Parts that add up.", _COUNTS),
        "NearestCentroid": ("The nearest mean of a class decides.", "a first baseline of many classes"),
        "NuSVC": ("A support vector machine with a share of errors.", _MARGINS),
        "NuSVR": ("Support vector regression with a share of errors.", _MARGINS),
        "OneClassSVM": ("A boundary around the usual rows.", "anomalies among some thousand rows"),
        "OrthogonalMatchingPursuit": ("Linear regression on a given number of features.", _SPARSE),
        "PCA": ("Directions of the most variance.", "fewer, uncorrelated numbers"),
        "PLSRegression": ("Regression on directions that go with the target.", "more features than rows"),
        "PassiveAggressive": ("A linear model that corrects each error at once.", _STREAM),
        "Perceptron": ("The simplest linear classifier.", _STREAM),
        "PoissonRegressor": ("A linear model of counts, by their logarithm.", "counts of events"),
        "QuadraticDiscriminantAnalysis": ("Normal classes of different shapes.", "few features, classes like clouds"),
        "QuantileRegressor": ("A line that a share of the rows lies below.", "quantiles of up to some thousand rows"),
        "RadiusNeighbors": ("The rows within a radius decide.", _NEIGHBOURS),
        "RandomForest": ("The mean of trees on resampled rows.", _FOREST),
        "Ridge": ("Linear regression that keeps weights small.", "few rows, correlated features"),
        "SGD": ("A linear model, fitted row by row.", _STREAM),
        "SGDOneClassSVM": ("A boundary around the usual rows, fitted row by row.", _STREAM),
        "SVC": ("A support vector machine.", _MARGINS),
        "SVR": ("Support vector regression.", _MARGINS),
        "SparsePCA": ("Components of few features.", _SPARSE),
        "Stacking": (
            "Several estimators, and one that learns from their answers.",
            "the last percent, where a training may take some times as long",
        ),
        "TheilSenRegressor": ("The median of many small regressions.", "few features, many outliers"),
        "TruncatedSVD": ("Directions of the most weight, of sparse features.", "word counts of texts"),
        "TweedieRegressor": ("A linear model of amounts of which many are zero.", "claims and purchases"),
        "Voting": (
            "The weighted mean of several estimators' answers.",
            "families that are about as good and err on other rows",
        ),
        "XGB": ("XGBoost's boosted trees.", _BOOSTING),
    }
)
"""By class name, or by what is left of it without Classifier, Regressor and CV: what it is, and what for."""

NOT_COMPILED: Final = frozenset(
    {
        "AffinityPropagation",
        "BayesianGaussianMixture",
        "BisectingKMeans",
        "CalibratedClassifierCV",
        "EllipticEnvelope",
        "GaussianMixture",
        "GaussianProcessClassifier",
        "KernelPCA",
        "KernelRidge",
        "LabelPropagation",
        "LabelSpreading",
        "MeanShift",
        "MiniBatchNMF",
        "MiniBatchSparsePCA",
        "NMF",
        "NearestCentroid",
        "NuSVC",
        "NuSVR",
        "OneClassSVM",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "SVC",
        "SVR",
        "SparsePCA",
    }
)
"""Algorithms that scikit-learn itself predicts in a session, with their defaults: docs/algorithms.md measures it."""

LINEAR: Final = frozenset(
    {
        "ARDRegression",
        "BayesianRidge",
        "ComplementNB",
        "DummyClassifier",
        "DummyRegressor",
        "ElasticNet",
        "ElasticNetCV",
        "GammaRegressor",
        "HuberRegressor",
        "Lars",
        "LarsCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "LinearDiscriminantAnalysis",
        "LinearRegression",
        "LinearSVC",
        "LinearSVR",
        "LogisticRegression",
        "LogisticRegressionCV",
        "MultinomialNB",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
        "Perceptron",
        "PoissonRegressor",
        "QuantileRegressor",
        "Ridge",
        "RidgeCV",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "SGDClassifier",
        "SGDOneClassSVM",
        "SGDRegressor",
        "TheilSenRegressor",
        "TweedieRegressor",
    }
)
"""Algorithms whose models are a weighted sum of the features, behind a link."""

TREES: Final = re.compile(
    r"^(DecisionTree|ExtraTree|ExtraTrees|RandomForest|(Hist)?GradientBoosting|XGB|LGBM)[CR]|^IsolationF"
)
"""Those whose models are trees: AdaBoost's votes are no sum."""


def note(name: str) -> tuple[str, str]:
    """Return what an algorithm is, and what it is good for."""
    for end in ("", "CV", "Classifier", "Regressor", "ClassifierCV"):
        if name.removesuffix(end) in NOTES:
            return NOTES[name.removesuffix(end)]
    raise KeyError(name)


def compiled(name: str) -> bool:
    """Say whether a session predicts an algorithm's models without scikit-learn, at its defaults."""
    return name not in NOT_COMPILED


def explained(name: str, model_type: str) -> str | None:
    """Return how ``ml.explain`` computes what each feature adds: exact or sampled; None where it does not."""
    if model_type in ("clustering", "decomposition"):
        return None
    return "exact" if name in LINEAR or TREES.match(name) else "sampled"
