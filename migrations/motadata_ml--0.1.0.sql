\echo Use "CREATE EXTENSION motadata_ml CASCADE" to load this file. \quit

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
create index tenant_role_by_role on ml.tenant_role (role);
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

-- Building blocks of the server package. Each runs with the caller's rights unless it says otherwise.

-- The bytes of an array as it lies in memory: header, null bitmap, values. Any built-in that copies its argument
-- unchanged would do; numeric's unary plus is one, and it never looks inside. One memcpy replaces a call per cell.
create function ml._bytes(float8[]) returns bytea
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._bytes(float8[]) is 'Internal: the bytes of an array.';
create function ml._bytes(int4[]) returns bytea
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._bytes(int4[]) is 'Internal: the bytes of an array.';

-- The way back: numbers as PL/Python returns them, in one bytea, become an array without a call per number. The
-- header is made here from the length alone, so that whatever bytes come in, a valid array comes out; only the
-- owner may reinterpret bytes as they are.
create function ml._as_float8_array(image bytea) returns float8[]
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._as_float8_array(bytea) is 'Internal: take the memory image of an array; unsafe, owner only.';
create function ml._as_int4_array(image bytea) returns int4[]
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._as_int4_array(bytea) is 'Internal: take the memory image of an array; unsafe, owner only.';

create function ml._array_header(element_type oid, length integer) returns bytea
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
select decode('0100000000000000', 'hex')
    || set_byte(set_byte(decode('00000000', 'hex'), 0, element_type::integer & 255), 1, element_type::integer >> 8)
    || set_byte(set_byte(set_byte(set_byte(decode('00000000', 'hex'),
        0, length & 255), 1, (length >> 8) & 255), 2, (length >> 16) & 255), 3, (length >> 24) & 255)
    || decode('01000000', 'hex')
$$;
comment on function ml._array_header(oid, integer) is 'Internal: header of a one-dimensional array without NULLs.';

create function ml._float8_array(data bytea) returns float8[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when length(data) < 8 then '{}'::float8[] else
    ml._as_float8_array(ml._array_header(701, length(data) / 8) || substring(data for length(data) / 8 * 8)) end
$$;
comment on function ml._float8_array(bytea) is 'Internal: packed doubles as an array.';
create function ml._int4_array(data bytea) returns int4[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when length(data) < 4 then '{}'::int4[] else
    ml._as_int4_array(ml._array_header(23, length(data) / 4) || substring(data for length(data) / 4 * 4)) end
$$;
comment on function ml._int4_array(bytea) is 'Internal: packed integers as an array.';

create function ml._open_cursor(query text) returns refcursor
    language plpgsql stable as $$
declare
    input refcursor;
begin
    open input no scroll for execute query;
    return input;
end
$$;
comment on function ml._open_cursor(text) is 'Internal: open a cursor; PostgreSQL refuses all but one SELECT.';

create function ml._close_cursor(cursor_name text) returns void
    language plpgsql volatile as $$
declare
    input refcursor := cursor_name;
begin
    close input;
end
$$;
comment on function ml._close_cursor(text) is 'Internal: close a cursor.';

create function ml._fetch(cursor_name text, row_count integer) returns setof record
    language plpgsql volatile as $$
begin
    return query execute pg_catalog.format('fetch forward %s from %I', row_count, cursor_name);
end
$$;
comment on function ml._fetch(text, integer) is 'Internal: the next rows of an open cursor.';

-- The definer helpers take nothing: they run the one operation that the server package has left in this
-- process's memory after checking the caller's rights. Called directly they find none and refuse.
create function ml._run_read() returns void
    language plpython3u stable security definer set search_path = pg_catalog, pg_temp as $$
from motadata_ml_server.definer import run_pending
run_pending()
$$;
comment on function ml._run_read() is 'Internal: run the pending read operation as the owner.';
create function ml._run_write() returns void
    language plpython3u volatile security definer set search_path = pg_catalog, pg_temp as $$
from motadata_ml_server.definer import run_pending
run_pending()
$$;
comment on function ml._run_write() is 'Internal: run the pending write operation as the owner.';

create type ml.training_result as (
    model_id text,
    status text,
    metrics jsonb,
    training_time float8,
    model_version text
);
comment on type ml.training_result is 'What ml.train returns: training_time is in seconds.';

create function ml.train(
    model_id text,
    model_type text,
    training_data text,
    target text default null,
    features text[] default null,
    algorithm text default null,
    hyperparameters jsonb default '{}',
    validation_data text default null,
    test_size float8 default 0.2,
    split text default null,
    cv integer default null,
    search jsonb default null,
    preprocess jsonb default null,
    random_state integer default 42,
    deploy boolean default true,
    execution jsonb default '{}',
    group_by text default null,
    tenant_id text default null
) returns ml.training_result
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import train
return train(model_id, model_type, training_data, target, features, algorithm, hyperparameters, validation_data, test_size, split, cv, search, preprocess, random_state, deploy, execution, group_by, tenant_id)
$$;
comment on function ml.train is 'Train a model on a table, a view or a SELECT, and store it as a new version.';

create function ml.predict(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict
return predict(model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, jsonb, text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(model_id text, input float8[], version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict
return predict(model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, float8[], text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(model_id text, input text, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict
return predict(model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, text, text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict_value(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_value
return predict_value(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(text, jsonb, text, text) is
    'Predict one row as a number.';

create function ml.predict_value(model_id text, input float8[], version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_value
return predict_value(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(text, float8[], text, text) is
    'Predict one row as a number.';

create function ml.predict_value(model_id text, input text, version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_value
return predict_value(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(text, text, text, text) is
    'Predict one row as a number.';

create function ml.predict_label(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_label
return predict_label(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(text, jsonb, text, text) is
    'Predict one row as a class label.';

create function ml.predict_label(model_id text, input float8[], version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_label
return predict_label(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(text, float8[], text, text) is
    'Predict one row as a class label.';

create function ml.predict_label(model_id text, input text, version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_label
return predict_label(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(text, text, text, text) is
    'Predict one row as a class label.';

create function ml.predict_proba(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_proba
return predict_proba(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(text, jsonb, text, text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create function ml.predict_proba(model_id text, input float8[], version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_proba
return predict_proba(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(text, float8[], text, text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create function ml.predict_proba(model_id text, input text, version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict_proba
return predict_proba(model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(text, text, text, text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create function ml._predict_chunks(
    model_id text, input_data text, id_column text, version text, tenant_id text,
    out first bigint, out ids text[], out labels text[], out codes bytea, out vals bytea, out numbers bytea,
    out width integer, out chances boolean
) returns setof record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_chunks
return predict_chunks(model_id, input_data, id_column, version, tenant_id)
$$;
comment on function ml._predict_chunks is 'Internal: the predictions of ml.predict_batch, a chunk of rows at a time.';

create function ml.predict_batch(
    model_id text,
    input_data text,
    id_column text default null,
    version text default null,
    tenant_id text default null
) returns table (id text, prediction text, value float8, confidence float8, probabilities float8[])
    language sql stable parallel unsafe rows 100000 as $$
with chunk as materialized (
    select c.first, c.ids, c.labels, c.width, c.chances, ml._int4_array(c.codes) as codes,
        ml._float8_array(c.vals) as vals, ml._float8_array(c.numbers) as numbers
    from ml._predict_chunks($1, $2, $3, $4, $5) as c
)
select case when c.ids is null then (c.first + r.position - 1)::text else r.id end,
    case when r.code is null then nullif(r.value, 'NaN')::text else c.labels[r.code] end,
    nullif(r.value, 'NaN'),
    case when c.chances then c.numbers[(r.position - 1) * c.width + r.code] end,
    case when c.width > 0 then c.numbers[(r.position - 1) * c.width + 1 : r.position * c.width] end
from chunk as c, lateral unnest(c.codes, c.vals, c.ids) with ordinality as r (code, value, id, position)
$$;
comment on function ml.predict_batch is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_into(
    model_id text,
    input_data text,
    target_table text,
    id_column text default null,
    version text default null,
    tenant_id text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_into
return predict_into(model_id, input_data, target_table, id_column, version, tenant_id)
$$;
comment on function ml.predict_into is 'Write the predictions of every row to a new or an existing table, and return how many.';

create view ml.models with (security_invoker = true) as
select m.tenant_id, m.model_id, m.model_type, v.version as deployed_version, v.algorithm, v.target, v.metrics,
    v.training_rows, v.trained_at, v.trained_by,
    (select count(*) from ml.model_version a where a.model = m.id) as versions, m.created_at
from ml.model m
left join ml.model_version v on v.id = m.deployed_version_id;
comment on view ml.models is 'Models the caller may use, each with its deployed version.';

create view ml.model_versions with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, v.id = m.deployed_version_id as deployed, v.model_type, v.algorithm,
    v.hyperparameters, v.target, v.classes, v.metrics, v.training_rows, v.dropped_rows, v.source_tables,
    v.random_state, v.runtime ->> 'name' as runtime, v.warnings, v.library_versions, v.trained_by, v.trained_at,
    v.training_time
from ml.model_version v
join ml.model m on m.id = v.model;
comment on view ml.model_versions is 'Versions of the models the caller may use.';

create view ml.trials with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, t.number, t.hyperparameters, t.score, t.details
from ml.trial t
join ml.model_version v on v.id = t.version_id
join ml.model m on m.id = v.model;
comment on view ml.trials is 'Trials of the hyperparameter searches of the models the caller may use.';

create function ml._algorithms(
    out algorithm text, out model_type text, out library text, out aliases text[], out hyperparameters jsonb,
    out streams boolean, out requires text, out available boolean
) returns setof record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import algorithms
return algorithms()
$$;
comment on function ml._algorithms is 'Internal: the rows of ml.algorithms.';
create view ml.algorithms as
select algorithm, model_type, library, aliases, hyperparameters, streams, requires, available from ml._algorithms();
comment on view ml.algorithms is 'Algorithms that ml.train accepts, with their hyperparameters, defaults and types.';

create function ml.list_models(tenant_id text default null) returns setof ml.models
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import list_models
return list_models(tenant_id)
$$;
comment on function ml.list_models is 'List the models of a tenant.';

create function ml.get_model_info(model_id text, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import get_model_info
return get_model_info(model_id, version, tenant_id)
$$;
comment on function ml.get_model_info is 'Describe a model version: features, classes, metrics, runtime, lineage.';

create function ml.delete_model(model_id text, version text default null, tenant_id text default null)
    returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import delete_model
return delete_model(model_id, version, tenant_id)
$$;
comment on function ml.delete_model is 'Delete a model with all its versions, or one version that is not deployed.';

create function ml.deploy(model_id text, version text, tenant_id text default null) returns text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import deploy
return deploy(model_id, version, tenant_id)
$$;
comment on function ml.deploy is 'Make a version of a model the one that predicts, and return its number.';

create function ml.rollback(model_id text, tenant_id text default null) returns text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import rollback
return rollback(model_id, tenant_id)
$$;
comment on function ml.rollback is 'Deploy again the version that was deployed before the present one.';

create function ml._training_progress(
    out tenant_id text, out model_id text, out model_type text, out algorithm text, out pid integer,
    out started_at timestamptz, out step text, out fraction float8, out rows bigint, out seconds float8,
    out seconds_left float8
) returns setof record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import training_progress
return training_progress()
$$;
comment on function ml._training_progress is 'Internal: the rows of ml.training_progress.';
create view ml.training_progress as
select tenant_id, model_id, model_type, algorithm, pid, started_at, step, fraction, rows, seconds, seconds_left
from ml._training_progress();
comment on view ml.training_progress is 'Trainings that run now, of the tenants the caller may act for.';

create function ml.grant_usage(role_name name, tenant_id text default 'default', admin boolean default false)
    returns void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import grant_usage
grant_usage(role_name, tenant_id, admin)
$$;
comment on function ml.grant_usage is 'Let a role act for a tenant: train, predict and manage its models.';

create function ml.revoke_usage(role_name name, tenant_id text default 'default') returns void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import revoke_usage
revoke_usage(role_name, tenant_id)
$$;
comment on function ml.revoke_usage is 'Take back what ml.grant_usage gave a role for a tenant.';

create function ml.set_option(name text, value text) returns void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import set_option
set_option(name, value)
$$;
comment on function ml.set_option is 'Set a server-wide option; a NULL value restores the default. Superusers only.';

create function ml._options(out name text, out value text, out default_value text, out description text)
    returns setof record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import options
return options()
$$;
comment on function ml._options is 'Internal: the rows of ml.options.';
create view ml.options as select name, value, default_value, description from ml._options();
comment on view ml.options is 'Server-wide options with their present and default values.';

create function ml.doctor() returns table (check_name text, ok boolean, detail text, remedy text)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import doctor
return doctor()
$$;
comment on function ml.doctor is 'Check the installation, each check with its remedy.';

create function ml._cache_status(
    out version_id bigint, out model_id text, out version text, out runtime text, out bytes bigint, out hits bigint
) returns setof record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import cache_status
return cache_status()
$$;
comment on function ml._cache_status is 'Internal: the rows of ml.cache_status.';
create view ml.cache_status as
select version_id, model_id, version, runtime, bytes, hits from ml._cache_status();
comment on view ml.cache_status is 'Models this session holds in memory.';

create function ml.cache_clear() returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import cache_clear
return cache_clear()
$$;
comment on function ml.cache_clear is 'Forget the models this session holds in memory, and return how many there were.';

create function ml.to_sql(
    model_id text,
    output text default null,
    dialect text default 'postgres',
    version text default null,
    tenant_id text default null
) returns text
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import to_sql
return to_sql(model_id, output, dialect, version, tenant_id)
$$;
comment on function ml.to_sql is 'Return a linear model, a tree or a small ensemble as a SQL expression over its features.';

create function ml.create_sql_function(
    model_id text,
    function_name text,
    output text default null,
    version text default null,
    tenant_id text default null
) returns text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import create_sql_function
return create_sql_function(model_id, function_name, output, version, tenant_id)
$$;
comment on function ml.create_sql_function is
    'Install a model as a plain SQL function of its features, owned by the caller, and return its signature.';

create function ml.export_onnx(model_id text, version text default null, tenant_id text default null) returns bytea
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import export_onnx
return export_onnx(model_id, version, tenant_id)
$$;
comment on function ml.export_onnx is 'Return a model as ONNX, from raw columns to predictions.';

-- Keys by which the serving process knows the tenant of a request.

create sequence ml.api_key_seq;
create table ml.api_key (
    id bigint primary key default nextval('ml.api_key_seq'),
    tenant_id text not null references ml.tenant on delete cascade,
    name text not null check (name <> '' and length(name) <= 200),
    digest bytea not null unique check (length(digest) = 32),
    created_at timestamptz not null default now(),
    created_by name not null default current_user,
    expires_at timestamptz,
    revoked_at timestamptz
);
alter sequence ml.api_key_seq owned by ml.api_key.id;
create index api_key_by_tenant on ml.api_key (tenant_id);
comment on table ml.api_key is
    'API keys of the serving process as SHA-256 digests; a key is 256 random bits and is shown once, to its maker.';

-- A role reads the keys of its tenants; only a tenant's administrators make and revoke them.
alter table ml.api_key enable row level security;
create policy own_tenants on ml.api_key for select
    using (exists (select from ml.tenant_role r where r.tenant_id = api_key.tenant_id));
create policy administrators_insert on ml.api_key for insert
    with check (exists (select from ml.tenant_role r where r.tenant_id = api_key.tenant_id and r.admin));
create policy administrators_update on ml.api_key for update
    using (exists (select from ml.tenant_role r where r.tenant_id = api_key.tenant_id and r.admin));

select pg_catalog.pg_extension_config_dump('ml.api_key', '');
select pg_catalog.pg_extension_config_dump('ml.api_key_seq', '');

-- Runs that the experiment tracker logs. Trainings need no row here: ml.model_version tells of each.

create sequence ml.experiment_run_seq;
create table ml.experiment_run (
    id bigint primary key default nextval('ml.experiment_run_seq'),
    tenant_id text not null references ml.tenant on delete cascade,
    experiment text not null check (experiment <> '' and length(experiment) <= 200),
    name text,
    status text not null default 'running' check (status in ('running', 'finished', 'failed')),
    tags jsonb not null default '{}',
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    created_by name not null default current_user,
    unique (id, tenant_id)
);
alter sequence ml.experiment_run_seq owned by ml.experiment_run.id;
create index experiment_run_by_tenant on ml.experiment_run (tenant_id, experiment, id);
comment on table ml.experiment_run is 'Runs of experiments, by tenant.';

create table ml.experiment_param (
    run_id bigint not null,
    tenant_id text not null,
    name text not null check (name <> '' and length(name) <= 200),
    value jsonb not null,
    primary key (run_id, name),
    foreign key (run_id, tenant_id) references ml.experiment_run (id, tenant_id) on delete cascade
);
comment on table ml.experiment_param is 'Parameters of experiment runs.';

create sequence ml.experiment_metric_seq;
create table ml.experiment_metric (
    id bigint primary key default nextval('ml.experiment_metric_seq'),
    run_id bigint not null,
    tenant_id text not null,
    name text not null check (name <> '' and length(name) <= 200),
    value float8 not null,
    step bigint not null default 0,
    logged_at timestamptz not null default clock_timestamp(),
    foreign key (run_id, tenant_id) references ml.experiment_run (id, tenant_id) on delete cascade
);
alter sequence ml.experiment_metric_seq owned by ml.experiment_metric.id;
create index experiment_metric_by_run on ml.experiment_metric (run_id, name, step, id);
comment on table ml.experiment_metric is 'Metrics of experiment runs, step by step.';

alter table ml.experiment_run enable row level security;
alter table ml.experiment_param enable row level security;
alter table ml.experiment_metric enable row level security;
create policy own_tenants on ml.experiment_run
    using (exists (select from ml.tenant_role r where r.tenant_id = experiment_run.tenant_id));
create policy own_tenants on ml.experiment_param
    using (exists (select from ml.tenant_role r where r.tenant_id = experiment_param.tenant_id));
create policy own_tenants on ml.experiment_metric
    using (exists (select from ml.tenant_role r where r.tenant_id = experiment_metric.tenant_id));

-- The latest value of each metric: the highest step, the last one logged in it.
create view ml.experiment_runs with (security_invoker = true) as
select r.tenant_id, r.id as run_id, r.experiment, r.name, r.status, r.started_at, r.ended_at, r.created_by, r.tags,
    coalesce((select jsonb_object_agg(p.name, p.value) from ml.experiment_param p where p.run_id = r.id), '{}')
        as params,
    coalesce((select jsonb_object_agg(m.name, m.value) from (
        select distinct on (name) name, value from ml.experiment_metric
        where run_id = r.id and value not in ('NaN', 'Infinity', '-Infinity')
        order by name, step desc, id desc) as m), '{}') as metrics
from ml.experiment_run r;
comment on view ml.experiment_runs is 'Experiment runs with their parameters and the latest value of each metric.';

create function ml.current_tenant(tenant_id text default null) returns text
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import current_tenant
return current_tenant(tenant_id)
$$;
comment on function ml.current_tenant is 'Return the tenant that a call acts for: the one named, else the session''s.';

select pg_catalog.pg_extension_config_dump('ml.experiment_run', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_run_seq', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_param', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_metric', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_metric_seq', '');

-- Nothing is granted to PUBLIC: ml.grant_usage gives a role what it needs.
revoke all on all tables in schema ml from public;
revoke all on all sequences in schema ml from public;
revoke all on all functions in schema ml from public;
revoke all on schema ml from public;

-- A function that calls back into SQL may run in a parallel plan from PostgreSQL 17 on; before, such a call
-- is refused in a way that breaks the interpreter for the rest of the session.
do $$
begin
    if current_setting('server_version_num')::integer >= 170000 then
        execute (
            select string_agg(format('alter function %s parallel safe;', p.oid::regprocedure), ' ')
            from pg_proc p
            where p.pronamespace = 'ml'::regnamespace
                and p.proname in ('predict', 'predict_value', 'predict_label', 'predict_proba'));
    end if;
end
$$;
