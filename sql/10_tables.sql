-- Tables, their row security and what pg_dump takes along.

create table ml.tenant (
    tenant_id text primary key check (tenant_id <> '' and length(tenant_id) <= 200),
    created_at timestamptz not null default now()
);
comment on table ml.tenant is 'Tenants: each owns its models; rows of other tenants are invisible.';

create table ml.tenant_role (
    tenant_id text not null references ml.tenant on delete cascade,
    role regrole not null,
    admin boolean not null default false,
    granted_at timestamptz not null default now(),
    primary key (tenant_id, role)
);
create index tenant_role_by_role on ml.tenant_role (role, tenant_id);
comment on table ml.tenant_role is 'Which roles may act for which tenant; written by ml.grant_usage and ml.revoke_usage.';

create sequence ml.model_seq;
create table ml.model (
    id bigint primary key default nextval('ml.model_seq'),
    tenant_id text not null references ml.tenant on delete cascade,
    model_id text not null check (model_id <> '' and length(model_id) <= 200),
    model_type text not null,
    deployed_version_id bigint,
    created_at timestamptz not null default now(),
    created_by name not null,
    unique (tenant_id, model_id)
);
alter sequence ml.model_seq owned by ml.model.id;
comment on table ml.model is 'Models by tenant and name, with the version that is deployed.';

create sequence ml.model_version_seq;
create table ml.model_version (
    id bigint primary key default nextval('ml.model_version_seq'),
    model bigint not null references ml.model on delete cascade,
    tenant_id text not null,
    version text not null,
    model_type text not null,
    algorithm text not null,
    hyperparameters jsonb not null,
    features jsonb not null,
    target text,
    target_type text,
    label_type text,
    classes text[],
    metrics jsonb not null,
    training_rows bigint not null,
    dropped_rows bigint not null,
    training_query text not null,
    source_tables text[] not null,
    data_fingerprint text not null,
    random_state integer,
    runtime jsonb not null,
    warnings text[] not null,
    library_versions jsonb not null,
    digest text not null,
    trained_by name not null,
    trained_at timestamptz not null default clock_timestamp(),
    training_time float8 not null,
    arguments jsonb,
    unique (model, version)
);
alter sequence ml.model_version_seq owned by ml.model_version.id;
create index model_version_by_tenant on ml.model_version (tenant_id);
comment on table ml.model_version is 'Versions of each model: how it was trained, on what, and how well it did.';

create table ml.artifact (
    version_id bigint not null references ml.model_version on delete cascade,
    kind text not null,
    chunk integer not null,
    digest text not null,
    data bytea not null,
    primary key (version_id, kind, chunk)
);
alter table ml.artifact alter column data set storage external;
comment on table ml.artifact is 'Fitted models as skops and compiled forms, in chunks; no user reads or writes it.';

create sequence ml.deployment_seq;
create table ml.deployment (
    id bigint primary key default nextval('ml.deployment_seq'),
    model bigint not null references ml.model on delete cascade,
    tenant_id text not null,
    version_id bigint not null references ml.model_version on delete cascade,
    deployed_by name not null,
    deployed_at timestamptz not null default clock_timestamp(),
    rolled_back_at timestamptz
);
alter sequence ml.deployment_seq owned by ml.deployment.id;
create index deployment_by_model on ml.deployment (model, id);
create index deployment_by_version on ml.deployment (version_id);
comment on table ml.deployment is 'History of deployments; ml.rollback walks it backwards.';

create sequence ml.trial_seq;
create table ml.trial (
    id bigint primary key default nextval('ml.trial_seq'),
    version_id bigint not null references ml.model_version on delete cascade,
    tenant_id text not null,
    number integer not null,
    hyperparameters jsonb not null,
    score float8,
    details jsonb not null
);
alter sequence ml.trial_seq owned by ml.trial.id;
create index trial_by_version on ml.trial (version_id, number);
comment on table ml.trial is 'Every trial of a hyperparameter search, by model version.';

create table ml.option (
    name text primary key,
    value text not null,
    set_by name not null,
    set_at timestamptz not null default now()
);
comment on table ml.option is 'Server-wide settings that differ from their default; written by ml.set_option.';

-- Row security. The owner of the extension is exempt: the definer helpers act with an explicit tenant.
alter table ml.tenant enable row level security;
alter table ml.tenant_role enable row level security;
alter table ml.model enable row level security;
alter table ml.model_version enable row level security;
alter table ml.artifact enable row level security;
alter table ml.deployment enable row level security;
alter table ml.trial enable row level security;

create policy own_roles on ml.tenant_role for select
    using (pg_catalog.pg_has_role(current_user, role, 'usage'));
create policy own_tenants on ml.tenant for select
    using (exists (select from ml.tenant_role r where r.tenant_id = tenant.tenant_id));
create policy own_tenants on ml.model for select
    using (exists (select from ml.tenant_role r where r.tenant_id = model.tenant_id));
create policy own_tenants on ml.model_version for select
    using (exists (select from ml.tenant_role r where r.tenant_id = model_version.tenant_id));
create policy own_tenants on ml.deployment for select
    using (exists (select from ml.tenant_role r where r.tenant_id = deployment.tenant_id));
create policy own_tenants on ml.trial for select
    using (exists (select from ml.tenant_role r where r.tenant_id = trial.tenant_id));

insert into ml.tenant (tenant_id) values ('default');

-- Everything a user makes goes into a dump, sequences too. A role that is gone would come back as a bare number.
select pg_catalog.pg_extension_config_dump('ml.tenant', $$where tenant_id <> 'default'$$);
select pg_catalog.pg_extension_config_dump('ml.tenant_role',
    'where exists (select from pg_catalog.pg_roles r where r.oid = role)');
select pg_catalog.pg_extension_config_dump('ml.model', '');
select pg_catalog.pg_extension_config_dump('ml.model_seq', '');
select pg_catalog.pg_extension_config_dump('ml.model_version', '');
select pg_catalog.pg_extension_config_dump('ml.model_version_seq', '');
select pg_catalog.pg_extension_config_dump('ml.artifact', '');
select pg_catalog.pg_extension_config_dump('ml.deployment', '');
select pg_catalog.pg_extension_config_dump('ml.deployment_seq', '');
select pg_catalog.pg_extension_config_dump('ml.trial', '');
select pg_catalog.pg_extension_config_dump('ml.trial_seq', '');
select pg_catalog.pg_extension_config_dump('ml.option', '');
