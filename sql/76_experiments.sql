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
create policy own_tenants on ml.experiment_run
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) experiment_run.tenant_id));
create policy own_tenants on ml.experiment_param
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) experiment_param.tenant_id));
create policy own_tenants on ml.experiment_metric
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) experiment_metric.tenant_id));

-- The latest value of each metric: the highest step, the last one logged in it.
create view ml.experiment_runs with (security_invoker = true) as
select r.tenant_id, r.id as run_id, r.experiment, r.name, r.status, r.started_at, r.ended_at, r.created_by, r.tags,
    coalesce((
        select pg_catalog.jsonb_object_agg(p.name, p.value)
        from ml.experiment_param p where p.run_id operator(pg_catalog.=) r.id), '{}') as params,
    coalesce((select pg_catalog.jsonb_object_agg(m.name, m.value) from (
        select distinct on (name) name, value from ml.experiment_metric
        where run_id operator(pg_catalog.=) r.id
            and value operator(pg_catalog.<>) all (array['NaN', 'Infinity', '-Infinity']::pg_catalog.float8[])
        order by name, step desc, id desc) as m), '{}') as metrics
from ml.experiment_run r;
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

select pg_catalog.pg_extension_config_dump('ml.experiment_run', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_run_seq', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_param', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_metric', '');
select pg_catalog.pg_extension_config_dump('ml.experiment_metric_seq', '');
