-- Tables, their row security and what pg_dump takes along.

create table ml.tenant (
    tenant_id pg_catalog.text primary key
        check (tenant_id operator(pg_catalog.<>) '' and pg_catalog.length(tenant_id) operator(pg_catalog.<=) 200),
    created_at pg_catalog.timestamptz not null default pg_catalog.now()
);
comment on table ml.tenant is 'Tenants: each owns its models; rows of other tenants are invisible.';
comment on column ml.tenant.tenant_id is 'The tenant''s name, 1 to 200 characters.';
comment on column ml.tenant.created_at is 'When its first row was made.';

create table ml.tenant_role (
    tenant_id pg_catalog.text not null references ml.tenant on delete cascade,
    role pg_catalog.regrole not null,
    admin boolean not null default false,
    granted_at pg_catalog.timestamptz not null default pg_catalog.now(),
    predict_only boolean not null default false,
    primary key (tenant_id, role),
    constraint tenant_role_access check (not (admin and predict_only))
);
create index tenant_role_by_role on ml.tenant_role (role, tenant_id);
comment on table ml.tenant_role is
    'Which roles may act for which tenant; written by ml.grant_usage and ml.revoke_usage.';
comment on column ml.tenant_role.tenant_id is 'The tenant that the role may act for.';
comment on column ml.tenant_role.role is 'The role.';
comment on column ml.tenant_role.admin is 'Whether it may grant the tenant to others, and make API keys.';
comment on column ml.tenant_role.granted_at is 'When ml.grant_usage was first called for the pair.';
comment on column ml.tenant_role.predict_only is 'Whether it may predict and do nothing else.';

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
comment on sequence ml.model_seq is 'Numbers of ml.model.id.';
comment on table ml.model is 'Models by tenant and name, with the version that is deployed.';
comment on column ml.model.id is 'Key of the model.';
comment on column ml.model.tenant_id is 'The tenant that owns it.';
comment on column ml.model.model_id is 'The model''s name, unique within its tenant.';
comment on column ml.model.model_type is
    'classification, regression, clustering, anomaly or decomposition; that of the first version.';
comment on column ml.model.deployed_version_id is 'Key of the version that predicts; NULL where none is deployed.';
comment on column ml.model.created_at is 'When the first version was trained.';
comment on column ml.model.created_by is 'The role that trained it.';

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
comment on sequence ml.model_version_seq is 'Numbers of ml.model_version.id.';
create index model_version_by_tenant on ml.model_version (tenant_id);
comment on table ml.model_version is 'Versions of each model: how it was trained, on what, and how well it did.';
comment on column ml.model_version.id is 'Key of the version.';
comment on column ml.model_version.model is 'Key of its model.';
comment on column ml.model_version.tenant_id is 'The tenant that owns it.';
comment on column ml.model_version.version is 'Number of the version, such as 1.0.0.';
comment on column ml.model_version.model_type is 'classification, regression, clustering, anomaly or decomposition.';
comment on column ml.model_version.algorithm is 'Name of the estimator''s class.';
comment on column ml.model_version.hyperparameters is 'All of the estimator''s hyperparameters, defaults too.';
comment on column ml.model_version.features is 'The features in their order, each with its kind and how it is encoded.';
comment on column ml.model_version.target is 'The column to predict; NULL where there is none.';
comment on column ml.model_version.target_type is 'SQL type of the target.';
comment on column ml.model_version.label_type is 'integer, number, boolean or text: what a classifier''s labels come back as.';
comment on column ml.model_version.classes is 'The labels of a classifier, as text, in the order of its probabilities.';
comment on column ml.model_version.metrics is 'Scores on the rows held out, by name.';
comment on column ml.model_version.training_rows is 'Rows with a target: those learned from and those held out.';
comment on column ml.model_version.dropped_rows is 'Rows left out because their target was NULL.';
comment on column ml.model_version.training_query is 'The table or the query that was trained on.';
comment on column ml.model_version.source_tables is
    'Tables and views that the training query read, with their schemas.';
comment on column ml.model_version.data_fingerprint is
    'SHA-256 of the rows as the worker got them: equal rows, equal fingerprint.';
comment on column ml.model_version.random_state is 'Seed of the training; NULL for none.';
comment on column ml.model_version.runtime is
    'What predicts: its name, why it was taken, and how far it was from scikit-learn on how many rows.';
comment on column ml.model_version.warnings is 'What the libraries warned of during the training.';
comment on column ml.model_version.library_versions is 'Versions of the libraries that it was trained with.';
comment on column ml.model_version.digest is 'SHA-256 over the digests of all its artifacts.';
comment on column ml.model_version.trained_by is 'The role that trained it.';
comment on column ml.model_version.trained_at is 'When it was stored.';
comment on column ml.model_version.training_time is 'Seconds from the call to the stored version.';
comment on column ml.model_version.arguments is
    'What another training like this one needs; NULL for versions of 0.1.0.';

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
comment on column ml.artifact.version_id is 'Key of the version.';
comment on column ml.artifact.kind is 'plan, profile, skops, linear, onnx or grouped.';
comment on column ml.artifact.chunk is 'Number of the chunk, from 0; each has 16 MB at the most.';
comment on column ml.artifact.digest is 'SHA-256 of the whole artifact.';
comment on column ml.artifact.data is 'The bytes of the chunk.';

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
comment on sequence ml.deployment_seq is 'Numbers of ml.deployment.id.';
create index deployment_by_model on ml.deployment (model, id);
create index deployment_by_version on ml.deployment (version_id);
comment on table ml.deployment is 'History of deployments; ml.rollback walks it backwards.';
comment on column ml.deployment.id is 'Key of the deployment; a later one has a higher number.';
comment on column ml.deployment.model is 'Key of the model.';
comment on column ml.deployment.tenant_id is 'The tenant that owns it.';
comment on column ml.deployment.version_id is 'Key of the version that was deployed.';
comment on column ml.deployment.deployed_by is 'The role that deployed it.';
comment on column ml.deployment.deployed_at is 'When it was deployed.';
comment on column ml.deployment.rolled_back_at is 'When ml.rollback took it back; NULL where it did not.';

create table ml.model_grant (
    model bigint not null references ml.model on delete cascade,
    role pg_catalog.regrole not null,
    granted_by pg_catalog.name not null,
    granted_at pg_catalog.timestamptz not null default pg_catalog.now(),
    primary key (model, role)
);
create index model_grant_by_role on ml.model_grant (role, model);
comment on table ml.model_grant is
    'Which roles may predict with a model without acting for its tenant; written by ml.grant_model and ml.revoke_model.';
comment on column ml.model_grant.model is 'Key of the model.';
comment on column ml.model_grant.role is 'The role.';
comment on column ml.model_grant.granted_by is 'The role that granted it.';
comment on column ml.model_grant.granted_at is 'When ml.grant_model was first called for the pair.';

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
comment on sequence ml.trial_seq is 'Numbers of ml.trial.id.';
create index trial_by_version on ml.trial (version_id, number);
comment on table ml.trial is 'Every trial of a hyperparameter search, by model version.';
comment on column ml.trial.id is 'Key of the trial.';
comment on column ml.trial.version_id is 'Key of the version that the search led to.';
comment on column ml.trial.tenant_id is 'The tenant that owns it.';
comment on column ml.trial.number is 'Number of the trial in its search, from 1.';
comment on column ml.trial.hyperparameters is 'The hyperparameters that were tried.';
comment on column ml.trial.score is 'Mean score over the folds, higher is better; NULL where the fit failed.';
comment on column ml.trial.details is 'Standard deviation over the folds, rank and seconds.';

create table ml.option (
    name pg_catalog.text primary key,
    value pg_catalog.text not null,
    set_by pg_catalog.name not null,
    set_at pg_catalog.timestamptz not null default pg_catalog.now()
);
comment on table ml.option is 'Server-wide settings that differ from their default; written by ml.set_option.';
comment on column ml.option.name is 'The option''s name.';
comment on column ml.option.value is 'Its value, as text.';
comment on column ml.option.set_by is 'The role that set it.';
comment on column ml.option.set_at is 'When it was set.';

-- Row security without a policy: nobody reads or writes these tables but the owner, who is exempt, even where somebody
-- was granted one. What a caller may see comes from functions, which act as the owner and ask for the caller's
-- memberships first. A policy alone would not hide a row: comparisons that are leakproof run before it.
alter table ml.tenant enable row level security;
alter table ml.tenant_role enable row level security;
alter table ml.model enable row level security;
alter table ml.model_version enable row level security;
alter table ml.artifact enable row level security;
alter table ml.deployment enable row level security;
alter table ml.trial enable row level security;
alter table ml.model_grant enable row level security;
alter table ml.option enable row level security;


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
select pg_catalog.pg_extension_config_dump('ml.model_grant',
    'where exists (select from pg_catalog.pg_roles r where r.oid = role)');
