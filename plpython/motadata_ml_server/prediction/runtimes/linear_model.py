"""Linear models: their stored form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motadata_ml_server.errors import ArtifactError

FORMAT = 1
_HINT = "Train the model again; a stored model is never repaired in place."


@dataclass(frozen=True)
class LinearModel:
    """Scores that are linear in the encoded features.

    Attributes
    ----------
    weights : ndarray of shape (outputs, width)
        scores = weights @ encoded + intercepts.
    intercepts : ndarray of shape (outputs,)
        See `weights`.
    link : str
        How scores become an answer, a name in `links`.
    parameters : dict
        The link's own parameters.
    """

    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    link: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def scores(self, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the raw scores of encoded rows.

        Parameters
        ----------
        encoded : ndarray of shape (rows, width)
            What the feature plan makes of the rows.

        Returns
        -------
        ndarray of shape (rows, outputs)
            Raw scores.
        """
        ignored = ~self.weights.any(axis=0)
        if ignored.any():
            # a missing value of a feature without weight must not make the score missing
            encoded = np.where(ignored, 0.0, encoded)
        return np.asarray(encoded @ self.weights.T + self.intercepts)

    def to_bytes(self) -> bytes:
        """Return the stored form: JSON in which every float reads back exactly."""
        return json.dumps(
            {
                "format": FORMAT,
                "link": self.link,
                "parameters": self.parameters,
                "intercepts": self.intercepts.tolist(),
                "weights": self.weights.tolist(),
            },
            allow_nan=False,
        ).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> LinearModel:
        """Read the stored form.

        Parameters
        ----------
        payload : bytes
            What `to_bytes` wrote.

        Returns
        -------
        LinearModel
            The model.

        Raises
        ------
        ArtifactError
            If the bytes are something else.
        """
        try:
            stored = json.loads(payload)
            if stored["format"] != FORMAT:
                raise ArtifactError(f"linear model has format {stored['format']!r}", hint=_HINT)
            weights = np.array(stored["weights"], dtype=np.float64)
            intercepts = np.array(stored["intercepts"], dtype=np.float64)
            model = cls(weights, intercepts, str(stored["link"]), dict(stored["parameters"]))
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as exc:
            raise ArtifactError(f"linear model is damaged: {exc}", hint=_HINT) from exc
        if weights.ndim != 2 or intercepts.shape != weights.shape[:1]:
            raise ArtifactError("linear model is damaged: shapes disagree", hint=_HINT)
        return model
