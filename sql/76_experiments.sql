-- Runs that the experiment tracker logs. Trainings need no row here: ml.model_version tells of each.

create sequence ml.experiment_run_seq;
create table ml.experiment_run (
    id bigint primary key default pg_catalog.nextval('ml.experiment_run_seq'),
    tenant_id pg_catalog.text not null references ml.tenant on delete cascade,
    experiment pg_catalog.text not null
        check (experiment operator(pg_catalog.<>) '' and pg_catalog.length(experiment) operator(pg_catalog.<=) 200),
    name pg_catalog.text,
    status pg_catalog.text not null default 'running'
        check (status operator(pg_catalog.=) any (array['running', 'finished', 'failed'])),
    tags pg_catalog.jsonb not null default '{}',
    started_at pg_catalog.timestamptz not null default pg_catalog.clock_timestamp(),
    ended_at pg_catalog.timestamptz,
    created_by pg_catalog.name not null default current_user,
    bytes bigint not null default 0,
    unique (id, tenant_id)
);
alter sequence ml.experiment_run_seq owned by ml.experiment_run.id;
comment on sequence ml.experiment_run_seq is 'Numbers of ml.experiment_run.id.';
create index experiment_run_by_tenant on ml.experiment_run (tenant_id, experiment, id);
comment on table ml.experiment_run is 'Runs of experiments, by tenant.';
comment on column ml.experiment_run.id is 'Key of the run.';
comment on column ml.experiment_run.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_run.experiment is 'Name of the experiment.';
comment on column ml.experiment_run.name is 'Name of the run; NULL for none.';
comment on column ml.experiment_run.status is 'running, finished or failed.';
comment on column ml.experiment_run.tags is 'What the client noted, by name.';
comment on column ml.experiment_run.started_at is 'When it began.';
comment on column ml.experiment_run.ended_at is 'When it ended; NULL while it runs.';
comment on column ml.experiment_run.created_by is 'The role that began it.';
comment on column ml.experiment_run.bytes is 'Bytes of its parameters and metrics, about: what a quota counts.';

create table ml.experiment_param (
    run_id bigint not null,
    tenant_id pg_catalog.text not null,
    name pg_catalog.text not null
        check (name operator(pg_catalog.<>) '' and pg_catalog.length(name) operator(pg_catalog.<=) 200),
    value pg_catalog.jsonb not null,
    primary key (run_id, name),
    foreign key (run_id, tenant_id) references ml.experiment_run (id, tenant_id) on delete cascade
);
comment on table ml.experiment_param is 'Parameters of experiment runs.';
comment on column ml.experiment_param.run_id is 'Key of the run.';
comment on column ml.experiment_param.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_param.name is 'Name of the parameter.';
comment on column ml.experiment_param.value is 'Its value.';

create sequence ml.experiment_metric_seq;
create table ml.experiment_metric (
    id bigint primary key default pg_catalog.nextval('ml.experiment_metric_seq'),
    run_id bigint not null,
    tenant_id pg_catalog.text not null,
    name pg_catalog.text not null
        check (name operator(pg_catalog.<>) '' and pg_catalog.length(name) operator(pg_catalog.<=) 200),
    value pg_catalog.float8 not null,
    step bigint not null default 0,
    logged_at pg_catalog.timestamptz not null default pg_catalog.clock_timestamp(),
    foreign key (run_id, tenant_id) references ml.experiment_run (id, tenant_id) on delete cascade
);
alter sequence ml.experiment_metric_seq owned by ml.experiment_metric.id;
comment on sequence ml.experiment_metric_seq is 'Numbers of ml.experiment_metric.id.';
create index experiment_metric_by_run on ml.experiment_metric (run_id, name, step, id);
comment on table ml.experiment_metric is 'Metrics of experiment runs, step by step.';
comment on column ml.experiment_metric.id is 'Key of the value; a later one has a higher number.';
comment on column ml.experiment_metric.run_id is 'Key of the run.';
comment on column ml.experiment_metric.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_metric.name is 'Name of the metric.';
comment on column ml.experiment_metric.value is 'Its value.';
comment on column ml.experiment_metric.step is 'The step that it was logged in.';
comment on column ml.experiment_metric.logged_at is 'When it was logged.';

alter table ml.experiment_run enable row level security;
alter table ml.experiment_param enable row level security;
alter table ml.experiment_metric enable row level security;

create function ml._experiment_runs(
    out tenant_id pg_catalog.text, out run_id bigint, out experiment pg_catalog.text, out name pg_catalog.text,
    out status pg_catalog.text, out started_at pg_catalog.timestamptz, out ended_at pg_catalog.timestamptz,
    out created_by pg_catalog.name, out tags pg_catalog.jsonb, out params pg_catalog.jsonb,
    out metrics pg_catalog.jsonb
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import experiment_runs
return experiment_runs()
$$;
comment on function ml._experiment_runs is 'Internal: the rows of ml.experiment_runs.';
create view ml.experiment_runs as
select tenant_id, run_id, experiment, name, status, started_at, ended_at, created_by, tags, params, metrics
from ml._experiment_runs();
comment on view ml.experiment_runs is 'Experiment runs with their parameters and the latest value of each metric.';
comment on column ml.experiment_runs.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_runs.run_id is 'Key of the run.';
comment on column ml.experiment_runs.experiment is 'Name of the experiment.';
comment on column ml.experiment_runs.name is 'Name of the run; NULL for none.';
comment on column ml.experiment_runs.status is 'running, finished or failed.';
comment on column ml.experiment_runs.started_at is 'When it began.';
comment on column ml.experiment_runs.ended_at is 'When it ended; NULL while it runs.';
comment on column ml.experiment_runs.created_by is 'The role that began it.';
comment on column ml.experiment_runs.tags is 'What the client noted, by name.';
comment on column ml.experiment_runs.params is 'Its parameters, by name.';
comment on column ml.experiment_runs.metrics is 'The latest finite value of each metric, by name.';

create function ml._experiment_metrics(
    run bigint default null,
    out tenant_id pg_catalog.text, out run_id bigint, out name pg_catalog.text, out step bigint,
    out value pg_catalog.float8, out logged_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import experiment_metrics
return experiment_metrics(run)
$$;
comment on function ml._experiment_metrics is 'Internal: the rows of ml.experiment_metrics, of all runs or of one.';
create view ml.experiment_metrics as
select tenant_id, run_id, name, step, value, logged_at
from ml._experiment_metrics();
comment on view ml.experiment_metrics is 'Every value that was logged of the metrics of experiment runs.';
comment on column ml.experiment_metrics.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_metrics.run_id is 'Key of the run.';
comment on column ml.experiment_metrics.name is 'Name of the metric.';
comment on column ml.experiment_metrics.step is 'The step that it was logged in.';
comment on column ml.experiment_metrics.value is 'Its value.';
comment on column ml.experiment_metrics.logged_at is 'When it was logged.';

create function ml._start_run(
    experiment pg_catalog.text,
    name pg_catalog.text default null,
    tags pg_catalog.jsonb default '{}',
    tenant_id pg_catalog.text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import start_run
return start_run(experiment, name, tags, tenant_id)
$$;
comment on function ml._start_run is 'Internal: begin a run of an experiment, and return its number.';

create function ml._end_run(run_id bigint, status pg_catalog.text default 'finished') returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import end_run
return end_run(run_id, status)
$$;
comment on function ml._end_run is 'Internal: end a run, and return whether it was running.';

create function ml._log_params(run_id bigint, params pg_catalog.jsonb) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import log_params
log_params(run_id, params)
$$;
comment on function ml._log_params is 'Internal: store parameters of a run; the last value of a name counts.';

create function ml._log_metrics(
    run_id bigint,
    metrics pg_catalog.jsonb,
    step bigint default 0
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import log_metrics
log_metrics(run_id, metrics, step)
$$;
comment on function ml._log_metrics is 'Internal: store a value of each metric of a run.';

create function ml._delete_run(run_id bigint) returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import delete_run
return delete_run(run_id)
$$;
comment on function ml._delete_run is 'Internal: delete a run with its parameters and metrics.';

select pg_catalog.pg_extension_config_dump('ml.experiment_run', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_run_seq', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_param', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_metric', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_metric_seq', '');
