\echo Use "ALTER EXTENSION motadata_ml UPDATE" to load this file. \quit

-- A role's only tenant is found without reading the rows of all tenants.
drop index ml.tenant_role_by_role;
create index tenant_role_by_role on ml.tenant_role (role, tenant_id);

-- Functions that predict one row keep their entry point in SD: to import what is long imported would take a sixth of the
-- time of such a call.
create or replace function ml.predict(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict(model_id text, input float8[], version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict(model_id text, input text, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_value(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_value(model_id text, input float8[], version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_value(model_id text, input text, version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_label(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_label(model_id text, input float8[], version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_label(model_id text, input text, version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_proba(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_proba(model_id text, input float8[], version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;

create or replace function ml.predict_proba(model_id text, input text, version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;

-- A row may have no prediction: its group has no model.
create or replace function ml.predict_batch(
    model_id text,
    input_data text,
    id_column text default null,
    version text default null,
    tenant_id text default null
) returns table (id text, prediction text, value float8, confidence float8, probabilities float8[])
    language sql stable parallel unsafe rows 100000 as $$
select case when r.numbered then (r.first + r.position - 1)::text else r.id end,
    case when r.code is null then nullif(r.value, 'NaN')::text else r.labels[r.code] end,
    nullif(r.value, 'NaN'),
    case when r.chances and r.code > 0 then r.numbers[(r.position - 1) * r.width + r.code] end,
    case when r.width > 0 and r.code is distinct from 0 then r.numbers[(r.position - 1) * r.width + 1 : r.position * r.width] end
from (
    select c.first, c.ids is null as numbered, c.labels, c.width, c.chances, c.numbers, unnest(c.codes) as code,
        unnest(c.vals) as value, unnest(c.ids) as id, generate_series(1, c.rows) as position
    from (
        select (p.chunk).first, (p.chunk).ids, (p.chunk).labels, (p.chunk).width, (p.chunk).chances,
            ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).vals) as vals,
            ml._float8_array((p.chunk).numbers) as numbers,
            coalesce(octet_length((p.chunk).codes) / 4, octet_length((p.chunk).vals) / 8) as rows
        from (select ml._predict_chunks($1, $2, $3, $4, $5) as chunk offset 0) as p
        offset 0
    ) as c
) as r
$$;

create function ml.evaluate(
    model_id text,
    input_data text,
    target text default null,
    version text default null,
    tenant_id text default null
) returns jsonb
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import evaluate
return evaluate(model_id, input_data, target, version, tenant_id)
$$;
comment on function ml.evaluate is 'Score a model on a table, a view or a SELECT that has its target.';

create function ml.confusion_matrix(
    model_id text,
    input_data text,
    target text default null,
    version text default null,
    tenant_id text default null
) returns table (actual text, predicted text, count bigint)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import confusion_matrix
return confusion_matrix(model_id, input_data, target, version, tenant_id)
$$;
comment on function ml.confusion_matrix is 'Count the rows of each pair of actual and predicted label that occurs.';

create function ml.drift(model_id text, input_data text, version text default null, tenant_id text default null)
    returns table (
        feature text, kind text, statistic text, value float8, threshold float8, drifted boolean,
        null_share_trained float8, null_share float8, rows bigint
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import drift
return drift(model_id, input_data, version, tenant_id)
$$;
comment on function ml.drift is 'Compare the rows of a table, a view or a SELECT with those a model was trained on.';

create function ml._stat_models(
    out tenant_id text, out model_id text, out version text, out calls bigint, out rows bigint, out errors bigint,
    out seconds float8
) returns setof record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import stat_models
return stat_models()
$$;
comment on function ml._stat_models is 'Internal: the rows of ml.stat_models.';
create view ml.stat_models as
select tenant_id, model_id, version, calls, rows, errors, seconds from ml._stat_models();
comment on view ml.stat_models is
    'Predictions of each model version since the server started: calls, rows, errors, seconds; all sessions together.';

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

-- What another training of the model needs.
alter table ml.model_version add column arguments jsonb;

-- Trainings that pg_cron starts, and what came of each.

create sequence ml.schedule_seq;
create table ml.schedule (
    id bigint primary key default nextval('ml.schedule_seq'),
    model bigint not null unique references ml.model on delete cascade,
    tenant_id text not null,
    cron text not null,
    job_id bigint not null,
    metric text not null,
    min_improvement float8 not null,
    max_age interval,
    max_drift float8,
    search_path text not null,
    role name not null,
    arguments jsonb not null,
    created_at timestamptz not null default now()
);
alter sequence ml.schedule_seq owned by ml.schedule.id;
comment on table ml.schedule is 'Models that are trained again by pg_cron; written by ml.schedule_training.';

create sequence ml.schedule_run_seq;
create table ml.schedule_run (
    id bigint primary key default nextval('ml.schedule_run_seq'),
    model bigint not null references ml.model on delete cascade,
    tenant_id text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    outcome text not null check (outcome in ('skipped', 'deployed', 'kept', 'failed')),
    reason text not null,
    drift float8,
    metric text not null,
    old_version text,
    old_value float8,
    new_version text,
    new_value float8,
    role name not null
);
alter sequence ml.schedule_run_seq owned by ml.schedule_run.id;
create index schedule_run_by_model on ml.schedule_run (model, id);
comment on table ml.schedule_run is 'Every run of a scheduled training: what it did and why.';

alter table ml.schedule enable row level security;
alter table ml.schedule_run enable row level security;
create policy own_tenants on ml.schedule for select
    using (exists (select from ml.tenant_role r where r.tenant_id = schedule.tenant_id));
create policy own_tenants on ml.schedule_run for select
    using (exists (select from ml.tenant_role r where r.tenant_id = schedule_run.tenant_id));

select pg_catalog.pg_extension_config_dump('ml.schedule', '');
select pg_catalog.pg_extension_config_dump('ml.schedule_seq', '');
select pg_catalog.pg_extension_config_dump('ml.schedule_run', '');
select pg_catalog.pg_extension_config_dump('ml.schedule_run_seq', '');

create view ml.schedules with (security_invoker = true) as
select m.tenant_id, m.model_id, s.cron, s.metric, s.min_improvement, s.max_age, s.max_drift, s.role, s.job_id,
    s.created_at, r.finished_at as last_run_at, r.outcome as last_outcome
from ml.schedule s
join ml.model m on m.id = s.model
left join lateral (
    select finished_at, outcome from ml.schedule_run where model = s.model order by id desc limit 1
) as r on true;
comment on view ml.schedules is 'Scheduled trainings of the models the caller may use, each with its last outcome.';

create view ml.schedule_history with (security_invoker = true) as
select m.tenant_id, m.model_id, r.started_at, r.finished_at, r.outcome, r.reason, r.drift, r.metric, r.old_version,
    r.old_value, r.new_version, r.new_value, r.role
from ml.schedule_run r
join ml.model m on m.id = r.model;
comment on view ml.schedule_history is 'Runs of the scheduled trainings of the models the caller may use, with reasons.';

create function ml.schedule_training(
    model_id text,
    cron text,
    metric text default null,
    min_improvement float8 default 0,
    max_age interval default null,
    max_drift float8 default null,
    tenant_id text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import schedule_training
return schedule_training(model_id, cron, metric, min_improvement, max_age, max_drift, tenant_id)
$$;
comment on function ml.schedule_training is
    'Have pg_cron train a model again when it has to, and deploy what is better; returns the number of the job.';

create function ml.unschedule_training(model_id text, tenant_id text default null) returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import unschedule_training
return unschedule_training(model_id, tenant_id)
$$;
comment on function ml.unschedule_training is 'Take back what ml.schedule_training did; false where there was nothing.';

create function ml.run_schedule(model_id text, tenant_id text default null) returns text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import run_schedule
return run_schedule(model_id, tenant_id)
$$;
comment on function ml.run_schedule is
    'Do what is scheduled for a model now: skipped, deployed, kept or failed; the reason is in ml.schedule_history.';

-- Rights given in an upgrade script would belong to the extension, and pg_dump would leave them out: after the update,
-- this function gives them.
create function ml.refresh_usage() returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import refresh_usage
return refresh_usage()
$$;
comment on function ml.refresh_usage is
    'Give every role that acts for a tenant the rights of the installed version, and return how many.';
revoke all on all tables in schema ml from public;
revoke all on all sequences in schema ml from public;
revoke all on all functions in schema ml from public;

-- Decided anew, for a database that pg_upgrade has brought to 17 or later. CREATE OR REPLACE keeps neither.
do $$
begin
    execute (
        select string_agg(
            format(
                'alter function %s parallel %s;', p.oid::regprocedure,
                case when current_setting('server_version_num')::integer >= 170000 then 'safe' else 'unsafe' end),
            ' ')
        from pg_proc p
        where p.pronamespace = 'ml'::regnamespace
            and p.proname in ('predict', 'predict_value', 'predict_label', 'predict_proba'));
end
$$;
