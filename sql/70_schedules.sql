-- Trainings that pg_cron starts, and what came of each.

create sequence ml.schedule_seq;
create table ml.schedule (
    id bigint primary key default pg_catalog.nextval('ml.schedule_seq'),
    model bigint not null unique references ml.model on delete cascade,
    tenant_id pg_catalog.text not null,
    cron pg_catalog.text not null,
    job_id bigint not null,
    metric pg_catalog.text not null,
    min_improvement pg_catalog.float8 not null,
    max_age interval,
    max_drift pg_catalog.float8,
    search_path pg_catalog.text not null,
    role pg_catalog.name not null,
    arguments pg_catalog.jsonb not null,
    created_at pg_catalog.timestamptz not null default pg_catalog.now()
);
alter sequence ml.schedule_seq owned by ml.schedule.id;
comment on sequence ml.schedule_seq is 'Numbers of ml.schedule.id.';
comment on table ml.schedule is 'Models that are trained again by pg_cron; written by ml.schedule_training.';
comment on column ml.schedule.id is 'Key of the schedule.';
comment on column ml.schedule.model is 'Key of the model.';
comment on column ml.schedule.tenant_id is 'The tenant that owns it.';
comment on column ml.schedule.cron is 'When it runs, as pg_cron takes it.';
comment on column ml.schedule.job_id is 'Number of the job of pg_cron.';
comment on column ml.schedule.metric is 'The score that decides which version is deployed.';
comment on column ml.schedule.min_improvement is 'By how much a new version has to be better.';
comment on column ml.schedule.max_age is 'Trains if the newest version is older; NULL looks at no age.';
comment on column ml.schedule.max_drift is 'Trains if a feature''s drift passes it; NULL looks at no drift.';
comment on column ml.schedule.search_path is 'The search path that the training query is read with.';
comment on column ml.schedule.role is 'The role that scheduled it, with whose rights it runs.';
comment on column ml.schedule.arguments is 'How the model is trained: that of the version that was deployed.';
comment on column ml.schedule.created_at is 'When it was scheduled.';

create sequence ml.schedule_run_seq;
create table ml.schedule_run (
    id bigint primary key default pg_catalog.nextval('ml.schedule_run_seq'),
    model bigint not null references ml.model on delete cascade,
    tenant_id pg_catalog.text not null,
    started_at pg_catalog.timestamptz not null,
    finished_at pg_catalog.timestamptz not null default pg_catalog.clock_timestamp(),
    outcome pg_catalog.text not null
        check (outcome operator(pg_catalog.=) any (array['skipped', 'deployed', 'kept', 'failed'])),
    reason pg_catalog.text not null,
    drift pg_catalog.float8,
    metric pg_catalog.text not null,
    old_version pg_catalog.text,
    old_value pg_catalog.float8,
    new_version pg_catalog.text,
    new_value pg_catalog.float8,
    role pg_catalog.name not null
);
alter sequence ml.schedule_run_seq owned by ml.schedule_run.id;
comment on sequence ml.schedule_run_seq is 'Numbers of ml.schedule_run.id.';
create index schedule_run_by_model on ml.schedule_run (model, id);
comment on table ml.schedule_run is 'Every run of a scheduled training: what it did and why.';
comment on column ml.schedule_run.id is 'Key of the run.';
comment on column ml.schedule_run.model is 'Key of the model.';
comment on column ml.schedule_run.tenant_id is 'The tenant that owns it.';
comment on column ml.schedule_run.started_at is 'When the run began.';
comment on column ml.schedule_run.finished_at is 'When it ended.';
comment on column ml.schedule_run.outcome is 'skipped, deployed, kept or failed.';
comment on column ml.schedule_run.reason is 'Why, in words.';
comment on column ml.schedule_run.drift is 'The largest drift of a feature; NULL where it was not looked for.';
comment on column ml.schedule_run.metric is 'The score that decided.';
comment on column ml.schedule_run.old_version is 'The version that was deployed before.';
comment on column ml.schedule_run.old_value is 'Its score on the rows held out.';
comment on column ml.schedule_run.new_version is 'The version that was trained; NULL where none was.';
comment on column ml.schedule_run.new_value is 'Its score on the same rows.';
comment on column ml.schedule_run.role is 'The role with whose rights it ran.';

alter table ml.schedule enable row level security;
alter table ml.schedule_run enable row level security;

select pg_catalog.pg_extension_config_dump('ml.schedule', '');
select pg_catalog.pg_extension_config_dump('ml.schedule_seq', '');
select pg_catalog.pg_extension_config_dump('ml.schedule_run', '');
select pg_catalog.pg_extension_config_dump('ml.schedule_run_seq', '');

create function ml._schedules(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out cron pg_catalog.text, out metric pg_catalog.text,
    out min_improvement pg_catalog.float8, out max_age interval, out max_drift pg_catalog.float8,
    out role pg_catalog.name, out job_id bigint, out created_at pg_catalog.timestamptz,
    out last_run_at pg_catalog.timestamptz, out last_outcome pg_catalog.text
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import schedule_rows
return schedule_rows()
$$;
comment on function ml._schedules is 'Internal: the rows of ml.schedules.';
create view ml.schedules as
select tenant_id, model_id, cron, metric, min_improvement, max_age, max_drift, role, job_id, created_at,
    last_run_at, last_outcome
from ml._schedules();
comment on view ml.schedules is 'Scheduled trainings of the models the caller may use, each with its last outcome.';
comment on column ml.schedules.tenant_id is 'The tenant that owns it.';
comment on column ml.schedules.model_id is 'The model''s name.';
comment on column ml.schedules.cron is 'When it runs, as pg_cron takes it.';
comment on column ml.schedules.metric is 'The score that decides which version is deployed.';
comment on column ml.schedules.min_improvement is 'By how much a new version has to be better.';
comment on column ml.schedules.max_age is 'Trains if the newest version is older; NULL looks at no age.';
comment on column ml.schedules.max_drift is 'Trains if a feature''s drift passes it; NULL looks at no drift.';
comment on column ml.schedules.role is 'The role that scheduled it, with whose rights it runs.';
comment on column ml.schedules.job_id is 'Number of the job of pg_cron.';
comment on column ml.schedules.created_at is 'When it was scheduled.';
comment on column ml.schedules.last_run_at is 'When the last run ended; NULL before the first.';
comment on column ml.schedules.last_outcome is 'What came of it.';

create function ml._schedule_history(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out started_at pg_catalog.timestamptz,
    out finished_at pg_catalog.timestamptz, out outcome pg_catalog.text, out reason pg_catalog.text,
    out drift pg_catalog.float8, out metric pg_catalog.text, out old_version pg_catalog.text,
    out old_value pg_catalog.float8, out new_version pg_catalog.text, out new_value pg_catalog.float8,
    out role pg_catalog.name
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import schedule_run_rows
return schedule_run_rows()
$$;
comment on function ml._schedule_history is 'Internal: the rows of ml.schedule_history.';
create view ml.schedule_history as
select tenant_id, model_id, started_at, finished_at, outcome, reason, drift, metric, old_version, old_value,
    new_version, new_value, role
from ml._schedule_history();
comment on view ml.schedule_history is
    'Runs of the scheduled trainings of the models the caller may use, with reasons.';
comment on column ml.schedule_history.tenant_id is 'The tenant that owns it.';
comment on column ml.schedule_history.model_id is 'The model''s name.';
comment on column ml.schedule_history.started_at is 'When the run began.';
comment on column ml.schedule_history.finished_at is 'When it ended.';
comment on column ml.schedule_history.outcome is 'skipped, deployed, kept or failed.';
comment on column ml.schedule_history.reason is 'Why, in words.';
comment on column ml.schedule_history.drift is 'The largest drift of a feature; NULL where it was not looked for.';
comment on column ml.schedule_history.metric is 'The score that decided.';
comment on column ml.schedule_history.old_version is 'The version that was deployed before.';
comment on column ml.schedule_history.old_value is 'Its score on the rows held out.';
comment on column ml.schedule_history.new_version is 'The version that was trained; NULL where none was.';
comment on column ml.schedule_history.new_value is 'Its score on the same rows.';
comment on column ml.schedule_history.role is 'The role with whose rights it ran.';

create function ml.schedule_training(
    model_id pg_catalog.text,
    cron pg_catalog.text,
    metric pg_catalog.text default null,
    min_improvement pg_catalog.float8 default 0,
    max_age interval default null,
    max_drift pg_catalog.float8 default null,
    tenant_id pg_catalog.text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import schedule_training
return schedule_training(model_id, cron, metric, min_improvement, max_age, max_drift, tenant_id)
$$;
comment on function ml.schedule_training is
    'Have pg_cron train a model again when it has to, and deploy what is better; returns the number of the job.';

create function ml.unschedule_training(model_id pg_catalog.text, tenant_id pg_catalog.text default null) returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import unschedule_training
return unschedule_training(model_id, tenant_id)
$$;
comment on function ml.unschedule_training is 'Take back what ml.schedule_training did; false where there was nothing.';

create function ml.run_schedule(
    model_id pg_catalog.text,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import run_schedule
return run_schedule(model_id, tenant_id)
$$;
comment on function ml.run_schedule is
    'Do what is scheduled for a model now: skipped, deployed, kept or failed; the reason is in ml.schedule_history.';
