"""The types and node loaders that a stored estimator may contain.

skops trusts scikit-learn's public estimators, numpy's scalars and ufuncs and a few containers by
itself. What fitted estimators hold beyond that is listed here, each group with the reason why
constructing it from a file runs no code of the file's choosing.
"""

from __future__ import annotations

from typing import Final

TRUSTED_GROUPS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "trees": (
        "Cython node arrays; __setstate__ checks the layout, `structure` checks the indices",
        (
            "sklearn.tree._tree.Tree",
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        ),
    ),
    "neighbours": (
        "index over the training rows and its metric; rebuilt from arrays, no callables",
        (
            "sklearn.neighbors._kd_tree.KDTree",
            "sklearn.neighbors._ball_tree.BallTree",
            "sklearn.metrics._dist_metrics.EuclideanDistance64",
            "sklearn.metrics._dist_metrics.ManhattanDistance64",
            "sklearn.metrics._dist_metrics.ChebyshevDistance64",
            "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        ),
    ),
    "neural networks": (
        "optimiser state of MLP*: plain floats and arrays, not used when predicting",
        (
            "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
            "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        ),
    ),
    "Gaussian processes": (
        "kernels are parameter holders; the binary classifier is one per class",
        (
            "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
            "sklearn.gaussian_process.kernels.ConstantKernel",
            "sklearn.gaussian_process.kernels.Product",
            "sklearn.gaussian_process.kernels.RBF",
            "sklearn.gaussian_process.kernels.Sum",
            "sklearn.gaussian_process.kernels.WhiteKernel",
        ),
    ),
    "calibration": (
        "pairs of a fitted estimator and two floats (or an isotonic fit)",
        (
            "sklearn.calibration._CalibratedClassifier",
            "sklearn.calibration._SigmoidCalibration",
        ),
    ),
    "losses": (
        "loss functions kept after the fit: parameter holders in Cython, at most one float each",
        (
            "sklearn._loss.loss.HalfTweedieLoss",
            "sklearn._loss.loss.HalfTweedieLossIdentity",
            "sklearn._loss._loss.CyAbsoluteError",
            "sklearn._loss._loss.CyExponentialLoss",
            "sklearn._loss._loss.CyHalfBinomialLoss",
            "sklearn._loss._loss.CyHalfGammaLoss",
            "sklearn._loss._loss.CyHalfMultinomialLoss",
            "sklearn._loss._loss.CyHalfPoissonLoss",
            "sklearn._loss._loss.CyHalfSquaredError",
            "sklearn._loss._loss.CyHalfTweedieLoss",
            "sklearn._loss._loss.CyHalfTweedieLossIdentity",
            "sklearn._loss._loss.CyHuberLoss",
            "sklearn._loss._loss.CyPinballLoss",
            "sklearn.linear_model._sgd_fast.EpsilonInsensitive",
            "sklearn.linear_model._sgd_fast.Hinge",
            "sklearn.linear_model._sgd_fast.ModifiedHuber",
            "sklearn.linear_model._sgd_fast.SquaredEpsilonInsensitive",
            "sklearn.linear_model._sgd_fast.SquaredHinge",
        ),
    ),
    "clustering": (
        "BisectingKMeans keeps its tree of centres and the function that fitted it",
        (
            "sklearn.cluster._bisect_k_means._BisectingTree",
            "sklearn.cluster._kmeans._kmeans_single_lloyd",
            "sklearn.cluster._kmeans._kmeans_single_elkan",
        ),
    ),
    "helpers of encoders and reducers": (
        "dtype objects, the pooling default of FeatureAgglomeration, sparse results",
        (
            "numpy.dtype",
            "numpy.mean",
            "scipy.sparse._csr.csr_matrix",
            "scipy.sparse._csr.csr_array",
            "sklearn.feature_selection._univariate_selection.f_classif",
            "sklearn.feature_selection._univariate_selection.f_regression",
        ),
    ),
}
"""Per group: why it is harmless, and its types by full name."""

TRUSTED_TYPES: Final[frozenset[str]] = frozenset(name for _, names in TRUSTED_GROUPS.values() for name in names)
"""Every type trusted beyond what skops trusts by itself."""

TRUSTED_LOADERS: Final[frozenset[str]] = frozenset(
    {
        "BytesNode",
        "BytearrayNode",
        "CachedNode",
        "DTypeNode",
        "DefaultDictNode",
        "DictNode",
        "FunctionNode",
        "JsonNode",
        "ListNode",
        "LossNode",
        "MaskedArrayNode",
        "NdArrayNode",
        "ObjectNode",
        "RandomGeneratorNode",
        "RandomStateNode",
        "SetNode",
        "SliceNode",
        "SparseMatrixNode",
        "TreeNode",
        "TupleNode",
        "TypeNode",
        "ConstructorFromReduceNode",
    }
)
"""How a node may be rebuilt. Left out: bound methods, partials and operator calls, which name code."""
