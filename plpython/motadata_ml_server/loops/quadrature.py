"""The points at which reasons of trees are integrated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def gauss_legendre(path_features: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Gauss-Legendre's rule from 0 to 1, exact for trees with so many distinct features on a path.

    Parameters
    ----------
    path_features : int
        `Trees.path_features`.

    Returns
    -------
    (ndarray, ndarray)
        Points and weights, both of shape (points,). A rule of n points is exact for polynomials below the degree 2n,
        and the integrand's degree is one less than the number of features.
    """
    points, weights = np.polynomial.legendre.leggauss(max(1, -(-path_features // 2)))
    return (points + 1.0) / 2.0, weights / 2.0
