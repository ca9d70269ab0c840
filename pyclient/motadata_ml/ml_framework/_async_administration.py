"""Rights, quotas, options and the installation, awaited; what the methods do is told at `Administrator`."""

from __future__ import annotations

import datetime

from motadata_ml._operations import administration, api_keys
from motadata_ml._operations.administration import Access
from motadata_ml.ml_framework._component import AsyncComponent
from motadata_ml.results import ResultTable


class AsyncAdministrator(AsyncComponent):
    """Grant rights, limit tenants, set options and look at the installation."""

    async def grant_usage(
        self, role_name: str, tenant_id: str | None = None, admin: bool = False, access: Access | None = None
    ) -> None:
        """Let a role act for a tenant: predict, or also train and manage its models, or also grant it to others."""
        await self.db.run(administration.grant_usage(self.settings, role_name, tenant_id, admin, access))

    async def revoke_usage(self, role_name: str, tenant_id: str | None = None) -> None:
        """Take back what `grant_usage` gave a role for a tenant."""
        await self.db.run(administration.revoke_usage(self.settings, role_name, tenant_id))

    async def tenant_roles(self, tenant_id: str | None = None) -> ResultTable:
        """List who may act for a tenant and how far; by default for the system's tenant, else all that are visible."""
        return await self.db.run(administration.tenant_roles(self.settings, tenant_id))

    async def refresh_usage(self) -> int:
        """Give every role that acts for a tenant the rights of the installed version, and return how many."""
        roles: int = await self.db.run(administration.refresh_usage())
        return roles

    async def set_quota(
        self,
        tenant_id: str,
        max_models: int | None = None,
        max_bytes: int | None = None,
        max_training_seconds_per_day: float | None = None,
    ) -> None:
        """Limit what a tenant may store and train; None is no limit. Superusers only."""
        await self.db.run(administration.set_quota(tenant_id, max_models, max_bytes, max_training_seconds_per_day))

    async def tenant_sizes(self, tenant_id: str | None = None) -> ResultTable:
        """List what each tenant holds, and its quota; by default the system's tenant, else all that are visible."""
        return await self.db.run(administration.tenant_sizes(self.settings, tenant_id))

    async def current_tenant(self, tenant_id: str | None = None) -> str:
        """Return the tenant that calls act for: the one named, else the system's, else the role's only one."""
        tenant: str = await self.db.run(administration.current_tenant(self.settings, tenant_id))
        return tenant

    async def set_option(self, name: str, value: str | None) -> None:
        """Set a server-wide option; None restores its default. Superusers only."""
        await self.db.run(administration.set_option(name, value))

    async def options(self) -> ResultTable:
        """List the server-wide options with their present and default values."""
        return await self.db.run(administration.options())

    async def doctor(self) -> ResultTable:
        """Check the installation, each check with its remedy."""
        return await self.db.run(administration.doctor())

    async def cache_status(self) -> ResultTable:
        """List the models that a session of this connection holds in memory; each session has its own."""
        return await self.db.run(administration.cache_status())

    async def cache_clear(self) -> int:
        """Let a session of this connection forget the models it holds in memory, and return how many there were."""
        models: int = await self.db.run(administration.cache_clear())
        return models

    async def create_api_key(
        self,
        name: str,
        scope: str = "predict",
        expires_at: datetime.datetime | str | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Make an API key of a tenant for the serving process and return it: it cannot be shown again."""
        key: str = await self.db.run(api_keys.create_api_key(self.settings, name, scope, expires_at, tenant_id))
        return key

    async def revoke_api_key(self, key_id: int, tenant_id: str | None = None) -> bool:
        """Revoke an API key of a tenant at once, and return whether there was one."""
        revoked: bool = await self.db.run(api_keys.revoke_api_key(self.settings, key_id, tenant_id))
        return revoked

    async def api_keys(self, tenant_id: str | None = None) -> ResultTable:
        """List API keys without the keys themselves; by default the system's tenant's, else all that are visible."""
        return await self.db.run(api_keys.api_keys(self.settings, tenant_id))
