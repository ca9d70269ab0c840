-- Administration: roles and tenants, options, the state of installation and session, counters, quotas.

create function ml.grant_usage(
    role_name pg_catalog.name,
    tenant_id pg_catalog.text default 'default',
    admin boolean default false,
    access pg_catalog.text default null
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import grant_usage
grant_usage(role_name, tenant_id, admin, access)
$$;
comment on function ml.grant_usage is
    'Let a role act for a tenant: predict, or also train and manage its models, or also grant it to others.';

create function ml.revoke_usage(
    role_name pg_catalog.name,
    tenant_id pg_catalog.text default 'default'
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import revoke_usage
revoke_usage(role_name, tenant_id)
$$;
comment on function ml.revoke_usage is 'Take back what ml.grant_usage gave a role for a tenant.';

create function ml._tenant_roles(
    out tenant_id pg_catalog.text, out role pg_catalog.regrole, out access pg_catalog.text,
    out granted_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import tenant_role_rows
return tenant_role_rows()
$$;
comment on function ml._tenant_roles is 'Internal: the rows of ml.tenant_roles.';
create view ml.tenant_roles as
select tenant_id, role, access, granted_at
from ml._tenant_roles();
comment on view ml.tenant_roles is 'Who may act for the tenants of the caller, and how far.';
comment on column ml.tenant_roles.tenant_id is 'The tenant.';
comment on column ml.tenant_roles.role is 'The role.';
comment on column ml.tenant_roles.access is
    'predict: nothing else; train: also train and manage models; admin: also grant the tenant to others.';
comment on column ml.tenant_roles.granted_at is 'When ml.grant_usage was first called for the pair.';

create function ml.refresh_usage() returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import refresh_usage
return refresh_usage()
$$;
comment on function ml.refresh_usage is
    'Give every role that acts for a tenant the rights of the installed version, and return how many.';

create function ml.current_tenant(tenant_id pg_catalog.text default null) returns pg_catalog.text
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import current_tenant
return current_tenant(tenant_id)
$$;
comment on function ml.current_tenant is 'Return the tenant that a call acts for: the one named, else the session''s.';

create function ml.set_option(name pg_catalog.text, value pg_catalog.text) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import set_option
set_option(name, value)
$$;
comment on function ml.set_option is 'Set a server-wide option; a NULL value restores the default. Superusers only.';

create function ml._options(
    out name pg_catalog.text,
    out value pg_catalog.text,
    out default_value pg_catalog.text,
    out description pg_catalog.text
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import options
return options()
$$;
comment on function ml._options is 'Internal: the rows of ml.options.';
create view ml.options as select name, value, default_value, description from ml._options();
comment on view ml.options is 'Server-wide options with their present and default values.';
comment on column ml.options.name is 'The option''s name.';
comment on column ml.options.value is 'Its present value, as text.';
comment on column ml.options.default_value is 'Its value where nobody has set it.';
comment on column ml.options.description is 'What it does.';

create function ml.doctor()
    returns table (check_name pg_catalog.text, ok boolean, detail pg_catalog.text, remedy pg_catalog.text)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import doctor
return doctor()
$$;
comment on function ml.doctor is 'Check the installation, each check with its remedy.';

create function ml._cache_status(
    out version_id bigint, out model_id pg_catalog.text, out version pg_catalog.text, out runtime pg_catalog.text,
    out bytes bigint, out hits bigint
) returns setof pg_catalog.record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import cache_status
return cache_status()
$$;
comment on function ml._cache_status is 'Internal: the rows of ml.cache_status.';
create view ml.cache_status as
select version_id, model_id, version, runtime, bytes, hits from ml._cache_status();
comment on view ml.cache_status is 'Models this session holds in memory.';
comment on column ml.cache_status.version_id is 'Key of the version.';
comment on column ml.cache_status.model_id is 'The model''s name.';
comment on column ml.cache_status.version is 'Number of the version.';
comment on column ml.cache_status.runtime is 'Name of what predicts: linear, onnx, sklearn or grouped.';
comment on column ml.cache_status.bytes is 'Bytes it takes in memory, about.';
comment on column ml.cache_status.hits is 'How often it was found in the cache.';

create function ml.cache_clear() returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import cache_clear
return cache_clear()
$$;
comment on function ml.cache_clear is 'Forget the models this session holds in memory, and return how many there were.';

create function ml._stat_models(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out version pg_catalog.text, out calls bigint,
    out rows bigint, out errors bigint, out seconds pg_catalog.float8
) returns setof pg_catalog.record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import stat_models
return stat_models()
$$;
comment on function ml._stat_models is 'Internal: the rows of ml.stat_models.';
create view ml.stat_models as
select tenant_id, model_id, version, calls, rows, errors, seconds from ml._stat_models();
comment on view ml.stat_models is
    'Predictions of each model version since the server started: calls, rows, errors, seconds; all sessions together.';
comment on column ml.stat_models.tenant_id is 'The tenant that owns it.';
comment on column ml.stat_models.model_id is 'The model''s name.';
comment on column ml.stat_models.version is 'Number of the version.';
comment on column ml.stat_models.calls is 'Calls that predicted.';
comment on column ml.stat_models.rows is 'Rows predicted.';
comment on column ml.stat_models.errors is 'Calls that ended with an error.';
comment on column ml.stat_models.seconds is 'Seconds spent in these calls.';

-- What a tenant may hold and train at the most, and what it holds now.

create table ml.quota (
    tenant_id pg_catalog.text primary key references ml.tenant on delete cascade,
    max_models integer check (max_models operator(pg_catalog.>=) 0),
    max_bytes bigint check (max_bytes operator(pg_catalog.>=) 0),
    max_training_seconds_per_day pg_catalog.float8 check (max_training_seconds_per_day operator(pg_catalog.>=) 0),
    set_by pg_catalog.name not null,
    set_at pg_catalog.timestamptz not null default pg_catalog.now(),
    checked_at pg_catalog.timestamptz,
    free_bytes bigint
);
comment on table ml.quota is 'Limits by tenant, NULL is none; written by ml.set_quota.';
comment on column ml.quota.tenant_id is 'The tenant.';
comment on column ml.quota.max_models is 'The most models; NULL is no limit.';
comment on column ml.quota.max_bytes is 'The most bytes of all that it stores; NULL is no limit.';
comment on column ml.quota.max_training_seconds_per_day is
    'The most seconds of training a day in UTC; NULL is no limit.';
comment on column ml.quota.set_by is 'The role that set the limits.';
comment on column ml.quota.set_at is 'When they were set.';
comment on column ml.quota.checked_at is 'When a training was last held against them.';
comment on column ml.quota.free_bytes is
    'Bytes that may be logged before all is counted anew; NULL is none.';
alter table ml.quota enable row level security;
select pg_catalog.pg_extension_config_dump('ml.quota', '');

create function ml.set_quota(
    tenant_id pg_catalog.text,
    max_models integer default null,
    max_bytes bigint default null,
    max_training_seconds_per_day pg_catalog.float8 default null
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import set_quota
set_quota(tenant_id, max_models, max_bytes, max_training_seconds_per_day)
$$;
comment on function ml.set_quota is 'Limit what a tenant may store and train; NULL is no limit. Superusers only.';

create function ml._tenant_sizes(
    out tenant_id pg_catalog.text, out models bigint, out versions bigint, out bytes bigint,
    out training_seconds pg_catalog.float8, out training_seconds_today pg_catalog.float8, out max_models integer,
    out max_bytes bigint, out max_training_seconds_per_day pg_catalog.float8
) returns setof pg_catalog.record
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
comment on column ml.tenant_sizes.tenant_id is 'The tenant.';
comment on column ml.tenant_sizes.models is 'Models it has.';
comment on column ml.tenant_sizes.versions is 'Versions of them.';
comment on column ml.tenant_sizes.bytes is
    'Bytes of all that it stores: models, what describes them, experiments, schedules, API keys.';
comment on column ml.tenant_sizes.training_seconds is 'Seconds that the versions stored took to train.';
comment on column ml.tenant_sizes.training_seconds_today is
    'Seconds of training on the present day in UTC, failed ones too.';
comment on column ml.tenant_sizes.max_models is 'The most models; NULL is no limit.';
comment on column ml.tenant_sizes.max_bytes is 'The most bytes of all that it stores; NULL is no limit.';
comment on column ml.tenant_sizes.max_training_seconds_per_day is
    'The most seconds of training a day in UTC; NULL is no limit.';
