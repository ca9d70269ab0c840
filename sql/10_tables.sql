-- Tables, their row security and what pg_dump takes along.

create table ml.tenant (
    tenant_id pg_catalog.text primary key
        check (tenant_id operator(pg_catalog.<>) '' and pg_catalog.length(tenant_id) operator(pg_catalog.<=) 200),
    created_at pg_catalog.timestamptz not null default pg_catalog.now()
);
comment on table ml.tenant is 'Tenants: each owns its models; rows of other tenants are invisible.';

create table ml.tenant_role (
    tenant_id pg_catalog.text not null references ml.tenant on delete cascade,
    role pg_catalog.regrole not null,
    admin boolean not null default false,
    granted_at pg_catalog.timestamptz not null default pg_catalog.now(),
    primary key (tenant_id, role)
);
create index tenant_role_by_role on ml.tenant_role (role, tenant_id);
comment on table ml.tenant_role is
    'Which roles may act for which tenant; written by ml.grant_usage and ml.revoke_usage.';

create sequence ml.model_seq;
create table ml.model (
    id bigint primary key default pg_catalog.nextval('ml.model_seq'),
    tenant_id pg_catalog.text not null references ml.tenant on delete cascade,
    model_id pg_catalog.text not null
        check (model_id operator(pg_catalog.<>) '' and pg_catalog.length(model_id) operator(pg_catalog.<=) 200),
    model_type pg_catalog.text not null,
    deployed_version_id bigint,
    created_at pg_catalog.timestamptz not null default pg_catalog.now(),
    created_by pg_catalog.name not null,
    unique (tenant_id, model_id)
);
alter sequence ml.model_seq owned by ml.model.id;
comment on table ml.model is 'Models by tenant and name, with the version that is deployed.';

create sequence ml.model_version_seq;
create table ml.model_version (
    id bigint primary key default pg_catalog.nextval('ml.model_version_seq'),
    model bigint not null references ml.model on delete cascade,
    tenant_id pg_catalog.text not null,
    version pg_catalog.text not null,
    model_type pg_catalog.text not null,
    algorithm pg_catalog.text not null,
    hyperparameters pg_catalog.jsonb not null,
    features pg_catalog.jsonb not null,
    target pg_catalog.text,
    target_type pg_catalog.text,
    label_type pg_catalog.text,
    classes pg_catalog.text[],
    metrics pg_catalog.jsonb not null,
    training_rows bigint not null,
    dropped_rows bigint not null,
    training_query pg_catalog.text not null,
    source_tables pg_catalog.text[] not null,
    data_fingerprint pg_catalog.text not null,
    random_state integer,
    runtime pg_catalog.jsonb not null,
    warnings pg_catalog.text[] not null,
    library_versions pg_catalog.jsonb not null,
    digest pg_catalog.text not null,
    trained_by pg_catalog.name not null,
    trained_at pg_catalog.timestamptz not null default pg_catalog.clock_timestamp(),
    training_time pg_catalog.float8 not null,
    arguments pg_catalog.jsonb,
    unique (model, version)
);
alter sequence ml.model_version_seq owned by ml.model_version.id;
create index model_version_by_tenant on ml.model_version (tenant_id);
comment on table ml.model_version is 'Versions of each model: how it was trained, on what, and how well it did.';

create table ml.artifact (
    version_id bigint not null references ml.model_version on delete cascade,
    kind pg_catalog.text not null,
    chunk integer not null,
    digest pg_catalog.text not null,
    data pg_catalog.bytea not null,
    primary key (version_id, kind, chunk)
);
alter table ml.artifact alter column data set storage external;
comment on table ml.artifact is 'Fitted models as skops and compiled forms, in chunks; no user reads or writes it.';

create sequence ml.deployment_seq;
create table ml.deployment (
    id bigint primary key default pg_catalog.nextval('ml.deployment_seq'),
    model bigint not null references ml.model on delete cascade,
    tenant_id pg_catalog.text not null,
    version_id bigint not null references ml.model_version on delete cascade,
    deployed_by pg_catalog.name not null,
    deployed_at pg_catalog.timestamptz not null default pg_catalog.clock_timestamp(),
    rolled_back_at pg_catalog.timestamptz
);
alter sequence ml.deployment_seq owned by ml.deployment.id;
create index deployment_by_model on ml.deployment (model, id);
create index deployment_by_version on ml.deployment (version_id);
comment on table ml.deployment is 'History of deployments; ml.rollback walks it backwards.';

create sequence ml.trial_seq;
create table ml.trial (
    id bigint primary key default pg_catalog.nextval('ml.trial_seq'),
    version_id bigint not null references ml.model_version on delete cascade,
    tenant_id pg_catalog.text not null,
    number integer not null,
    hyperparameters pg_catalog.jsonb not null,
    score pg_catalog.float8,
    details pg_catalog.jsonb not null
);
alter sequence ml.trial_seq owned by ml.trial.id;
create index trial_by_version on ml.trial (version_id, number);
comment on table ml.trial is 'Every trial of a hyperparameter search, by model version.';

create table ml.option (
    name pg_catalog.text primary key,
    value pg_catalog.text not null,
    set_by pg_catalog.name not null,
    set_at pg_catalog.timestamptz not null default pg_catalog.now()
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
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) tenant.tenant_id));
create policy own_tenants on ml.model for select
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) model.tenant_id));
create policy own_tenants on ml.model_version for select
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) model_version.tenant_id));
create policy own_tenants on ml.deployment for select
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) deployment.tenant_id));
create policy own_tenants on ml.trial for select
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) trial.tenant_id));

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
