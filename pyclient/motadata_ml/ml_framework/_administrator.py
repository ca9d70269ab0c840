"""Who may do what, how much, and how the installation is."""

from __future__ import annotations

import datetime

from motadata_ml._operations import administration, api_keys
from motadata_ml._operations.administration import Access
from motadata_ml.ml_framework._component import Component
from motadata_ml.results import ResultTable


class Administrator(Component):
    """Grant rights, limit tenants, set options and look at the installation."""

    def grant_usage(
        self, role_name: str, tenant_id: str | None = None, admin: bool = False, access: Access | None = None
    ) -> None:
        """Let a role act for a tenant: predict, or also train and manage its models, or also grant it to others.

        Parameters
        ----------
        role_name : str
            The role.
        tenant_id : str, optional
            The tenant; by default the system's, or ``default``.
        admin : bool
            The same as an access of ``admin``.
        access : str, optional
            ``predict``: predict and nothing else. ``train``, the default: also train and manage models. ``admin``: also
            grant the tenant to others and make API keys.
        """
        self.db.run(administration.grant_usage(self.settings, role_name, tenant_id, admin, access))

    def revoke_usage(self, role_name: str, tenant_id: str | None = None) -> None:
        """Take back what `grant_usage` gave a role for a tenant."""
        self.db.run(administration.revoke_usage(self.settings, role_name, tenant_id))

    def tenant_roles(self, tenant_id: str | None = None) -> ResultTable:
        """List who may act for a tenant and how far; by default for the system's tenant, else all that are visible."""
        return self.db.run(administration.tenant_roles(self.settings, tenant_id))

    def refresh_usage(self) -> int:
        """Give every role that acts for a tenant the rights of the installed version, and return how many."""
        roles: int = self.db.run(administration.refresh_usage())
        return roles

    def set_quota(
        self,
        tenant_id: str,
        max_models: int | None = None,
        max_bytes: int | None = None,
        max_training_seconds_per_day: float | None = None,
    ) -> None:
        """Limit what a tenant may store and train; None is no limit. Superusers only.

        Parameters
        ----------
        tenant_id : str
            The tenant.
        max_models, max_bytes : int, optional
            Models, and bytes of stored versions.
        max_training_seconds_per_day : float, optional
            Seconds of training since midnight.
        """
        self.db.run(administration.set_quota(tenant_id, max_models, max_bytes, max_training_seconds_per_day))

    def tenant_sizes(self, tenant_id: str | None = None) -> ResultTable:
        """List what each tenant holds, and its quota; by default the system's tenant, else all that are visible."""
        return self.db.run(administration.tenant_sizes(self.settings, tenant_id))

    def current_tenant(self, tenant_id: str | None = None) -> str:
        """Return the tenant that calls act for: the one named, else the system's, else the role's only one."""
        tenant: str = self.db.run(administration.current_tenant(self.settings, tenant_id))
        return tenant

    def set_option(self, name: str, value: str | None) -> None:
        """Set a server-wide option; None restores its default. Superusers only."""
        self.db.run(administration.set_option(name, value))

    def options(self) -> ResultTable:
        """List the server-wide options with their present and default values."""
        return self.db.run(administration.options())

    def doctor(self) -> ResultTable:
        """Check the installation, each check with its remedy."""
        return self.db.run(administration.doctor())

    def cache_status(self) -> ResultTable:
        """List the models that a session of this connection holds in memory; each session has its own."""
        return self.db.run(administration.cache_status())

    def cache_clear(self) -> int:
        """Let a session of this connection forget the models it holds in memory, and return how many there were."""
        models: int = self.db.run(administration.cache_clear())
        return models

    def create_api_key(
        self,
        name: str,
        scope: str = "predict",
        expires_at: datetime.datetime | str | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Make an API key of a tenant for the serving process and return it: it cannot be shown again.

        Parameters
        ----------
        name : str
            Who it is for.
        scope : str
            ``predict``: predictions alone; ``read``: the descriptions of models as well; ``admin``: deploy and roll
            back as well.
        expires_at : datetime or str, optional
            With a time zone; by default never.
        tenant_id : str, optional
            The tenant; by default the system's. The role has to administer it.
        """
        key: str = self.db.run(api_keys.create_api_key(self.settings, name, scope, expires_at, tenant_id))
        return key

    def revoke_api_key(self, key_id: int, tenant_id: str | None = None) -> bool:
        """Revoke an API key of a tenant at once, and return whether there was one.

        Parameters
        ----------
        key_id : int
            Its ``id`` in `api_keys`.
        tenant_id : str, optional
            The tenant; by default the system's. The role has to administer it.
        """
        revoked: bool = self.db.run(api_keys.revoke_api_key(self.settings, key_id, tenant_id))
        return revoked

    def api_keys(self, tenant_id: str | None = None) -> ResultTable:
        """List API keys without the keys themselves; by default the system's tenant's, else all that are visible."""
        return self.db.run(api_keys.api_keys(self.settings, tenant_id))
