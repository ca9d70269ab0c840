"""Many models and tenants without many trainings: rows of one model's copied under other names, by the superuser."""

from __future__ import annotations

from typing import Any

import psycopg

_COPY = """
with source as (
    select v.id from ml.model m join ml.model_version v on v.id = m.deployed_version_id
    where m.tenant_id = 'default' and m.model_id = %(source)s
), names as (
    select n, replace(%(tenant)s, '#', n::text) as tenant_id, replace(%(model)s, '#', n::text) as model_id
    from generate_series(%(first)s::integer, %(last)s::integer) as n
), tenants as (
    insert into ml.tenant (tenant_id) select distinct tenant_id from names on conflict do nothing
), models as (
    insert into ml.model (tenant_id, model_id, model_type, created_by)
    select n.tenant_id, n.model_id, v.model_type, current_user from names n, ml.model_version v
    where v.id = (select id from source)
    returning id, tenant_id
), versions as (
    insert into ml.model_version (model, tenant_id, version, model_type, algorithm, hyperparameters, features, target,
        target_type, label_type, classes, metrics, training_rows, dropped_rows, training_query, source_tables,
        data_fingerprint, random_state, runtime, warnings, library_versions, digest, trained_by, training_time)
    select m.id, m.tenant_id, v.version, v.model_type, v.algorithm, v.hyperparameters, v.features, v.target,
        v.target_type, v.label_type, v.classes, v.metrics, v.training_rows, v.dropped_rows, v.training_query,
        v.source_tables, v.data_fingerprint, v.random_state, v.runtime, v.warnings, v.library_versions, v.digest,
        v.trained_by, v.training_time
    from models m, ml.model_version v where v.id = (select id from source)
    returning id
)
insert into ml.artifact (version_id, kind, chunk, digest, data)
select versions.id, a.kind, a.chunk, a.digest, a.data
from versions, ml.artifact a where a.version_id = (select id from source)
"""

_DEPLOY = """
update ml.model m set deployed_version_id = v.id from ml.model_version v
where v.model = m.id and m.deployed_version_id is null
"""


def copy_model(
    session: psycopg.Connection[Any], source: str, first: int, last: int, *, tenant: str, model: str
) -> None:
    """Copy a model of tenant ``default`` under numbered names: ``#`` in a name stands for the number."""
    with session.transaction():
        names = {"source": source, "first": first, "last": last, "tenant": tenant, "model": model}
        session.execute(_COPY, names)
        session.execute(_DEPLOY)
    session.execute("analyze ml.tenant, ml.model, ml.model_version, ml.artifact")
