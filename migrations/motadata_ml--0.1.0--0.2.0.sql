\echo Use "ALTER EXTENSION motadata_ml UPDATE" to load this file. \quit

-- A role's only tenant is found without reading the rows of all tenants.
drop index ml.tenant_role_by_role;
create index tenant_role_by_role on ml.tenant_role (role, tenant_id);

-- A row may have no prediction: its group has no model.
create or replace function ml.predict_batch(
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
    case when c.chances and r.code > 0 then c.numbers[(r.position - 1) * c.width + r.code] end,
    case when c.width > 0 and r.code is distinct from 0 then c.numbers[(r.position - 1) * c.width + 1 : r.position * c.width] end
from chunk as c, lateral unnest(c.codes, c.vals, c.ids) with ordinality as r (code, value, id, position)
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
