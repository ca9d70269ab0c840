"""Models outside the extension."""

from __future__ import annotations

from motadata_ml._operations import export
from motadata_ml.ml_framework._component import Component


class Exporter(Component):
    """Write models as SQL and as ONNX."""

    def to_sql(
        self,
        model_id: str,
        output: str | None = None,
        dialect: str = "postgres",
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Write a linear model, a tree or a small ensemble as a SQL expression over its features.

        Parameters
        ----------
        model_id : str
            The model.
        output : str, optional
            ``value`` or ``label``; by default what the model type has.
        dialect : str
            Whose SQL, by sqlglot's names.
        version : str, optional
            By default the deployed one.
        tenant_id : str, optional
            Whose model it is; by default the system's tenant.

        Raises
        ------
        UnsupportedOperationError
            If the model is none that SQL can express.
        """
        text: str = self.db.run(export.to_sql(self.settings, model_id, output, dialect, version, tenant_id))
        return text

    def create_sql_function(
        self,
        model_id: str,
        function_name: str,
        output: str | None = None,
        version: str | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Install a model as a plain SQL function of its features, and return its signature.

        Parameters
        ----------
        model_id : str
            The model.
        function_name : str
            The function's name, with a schema where it is not the first of the search path.
        output, version, tenant_id : str, optional
            As for `to_sql`.
        """
        signature: str = self.db.run(
            export.create_sql_function(self.settings, model_id, function_name, output, version, tenant_id)
        )
        return signature

    def export_onnx(self, model_id: str, version: str | None = None, tenant_id: str | None = None) -> bytes:
        """Return a model as ONNX, from raw columns to predictions.

        Parameters
        ----------
        model_id : str
            The model.
        version, tenant_id : str, optional
            As for `to_sql`.

        Returns
        -------
        bytes
            What a file ``model.onnx`` holds.
        """
        return bytes(self.db.run(export.export_onnx(self.settings, model_id, version, tenant_id)))
