-- What a tenant may hold and train at the most, and what it holds now.

create table ml.quota (
    tenant_id text primary key references ml.tenant on delete cascade,
    max_models integer check (max_models >= 0),
    max_bytes bigint check (max_bytes >= 0),
    max_training_seconds_per_day float8 check (max_training_seconds_per_day >= 0),
    set_by name not null,
    set_at timestamptz not null default now(),
    checked_at timestamptz
);
comment on table ml.quota is 'Limits by tenant, NULL is none; written by ml.set_quota.';
alter table ml.quota enable row level security;
create policy own_tenants on ml.quota for select
    using (exists (select from ml.tenant_role r where r.tenant_id = quota.tenant_id));
select pg_catalog.pg_extension_config_dump('ml.quota', '');

create function ml.set_quota(
    tenant_id text,
    max_models integer default null,
    max_bytes bigint default null,
    max_training_seconds_per_day float8 default null
) returns void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import set_quota
set_quota(tenant_id, max_models, max_bytes, max_training_seconds_per_day)
$$;
comment on function ml.set_quota is 'Limit what a tenant may store and train; NULL is no limit. Superusers only.';

create function ml._tenant_sizes(
    out tenant_id text, out models bigint, out versions bigint, out bytes bigint, out training_seconds float8,
    out training_seconds_today float8, out max_models integer, out max_bytes bigint,
    out max_training_seconds_per_day float8
) returns setof record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import tenant_sizes
return tenant_sizes()
$$;
comment on function ml._tenant_sizes is 'Internal: the rows of ml.tenant_sizes.';
create view ml.tenant_sizes as
select tenant_id, models, versions, bytes, training_seconds, training_seconds_today, max_models, max_bytes,
    max_training_seconds_per_day
from ml._tenant_sizes();
comment on view ml.tenant_sizes is
    'What each tenant holds that the caller may act for: models, versions, bytes, training seconds, and its quota.';
