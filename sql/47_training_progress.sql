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
