-- Training: ml.train, what it accepts, and what runs now.

create type ml.training_result as (
    model_id pg_catalog.text,
    status pg_catalog.text,
    metrics pg_catalog.jsonb,
    training_time pg_catalog.float8,
    model_version pg_catalog.text
);
comment on type ml.training_result is 'What ml.train returns: training_time is in seconds.';
comment on column ml.training_result.model_id is 'The model''s name.';
comment on column ml.training_result.status is 'completed, once the version is stored.';
comment on column ml.training_result.metrics is 'Scores on the rows held out, by name.';
comment on column ml.training_result.training_time is 'Seconds from the call to the stored version.';
comment on column ml.training_result.model_version is 'Number of the new version.';

create function ml.train(
    model_id pg_catalog.text,
    model_type pg_catalog.text,
    training_data pg_catalog.text,
    target pg_catalog.text default null,
    features pg_catalog.text[] default null,
    algorithm pg_catalog.text default null,
    hyperparameters pg_catalog.jsonb default '{}',
    validation_data pg_catalog.text default null,
    test_size pg_catalog.float8 default 0.2,
    split pg_catalog.text default null,
    cv integer default null,
    search pg_catalog.jsonb default null,
    preprocess pg_catalog.jsonb default null,
    random_state integer default 42,
    deploy boolean default null,
    execution pg_catalog.jsonb default '{}',
    group_by pg_catalog.text default null,
    positive_class pg_catalog.text default null,
    intervals pg_catalog.jsonb default null,
    tenant_id pg_catalog.text default null
) returns ml.training_result
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import train
return train(model_id, model_type, training_data, target, features, algorithm, hyperparameters, validation_data, test_size, split, cv, search, preprocess, random_state, deploy, execution, group_by, positive_class, intervals, tenant_id)
$$;
comment on function ml.train is 'Train a model on a table, a view or a SELECT, and store it as a new version.';

create function ml.import_model(
    model_id pg_catalog.text,
    data pg_catalog.bytea,
    format pg_catalog.text,
    model_type pg_catalog.text,
    features pg_catalog.text[] default null,
    classes pg_catalog.text[] default null,
    sample pg_catalog.jsonb default null,
    predictions pg_catalog.jsonb default null,
    target pg_catalog.text default null,
    deploy boolean default null,
    tenant_id pg_catalog.text default null
) returns ml.training_result
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import import_model
return import_model(model_id, data, format, model_type, features, classes, sample, predictions, target, deploy, tenant_id)
$$;
comment on function ml.import_model is
    'Store a model that was fitted elsewhere as a new version, once it answers a sample as it did there.';

create function ml._algorithm_rows(
    out algorithm pg_catalog.text, out model_type pg_catalog.text, out library pg_catalog.text,
    out aliases pg_catalog.text[], out hyperparameters pg_catalog.jsonb, out streams boolean,
    out requires pg_catalog.text, out available boolean, out description pg_catalog.text,
    out good_for pg_catalog.text, out compiled boolean, out explained pg_catalog.text
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import algorithms
return algorithms()
$$;
comment on function ml._algorithm_rows is 'Internal: the rows of ml.algorithms.';
create view ml.algorithms as
select algorithm, model_type, library, aliases, hyperparameters, streams, requires, available, description, good_for,
    compiled, explained
from ml._algorithm_rows();
comment on view ml.algorithms is 'Algorithms that ml.train accepts, with their hyperparameters, defaults and types.';
comment on column ml.algorithms.algorithm is 'Name of the estimator''s class, as ml.train takes it.';
comment on column ml.algorithms.model_type is 'The model type it is for; NULL where it cannot be trained here.';
comment on column ml.algorithms.library is 'The library it comes from.';
comment on column ml.algorithms.aliases is 'Short names for it.';
comment on column ml.algorithms.hyperparameters is 'Its hyperparameters, each with default, type and range.';
comment on column ml.algorithms.streams is 'Whether it learns a chunk at a time, with mode stream.';
comment on column ml.algorithms.requires is 'What has to be installed beside scikit-learn; NULL for nothing.';
comment on column ml.algorithms.available is 'Whether it can be trained here.';
comment on column ml.algorithms.description is
    'What it is, in a sentence; of what cannot be trained here, why.';
comment on column ml.algorithms.good_for is 'The tables that it suits.';
comment on column ml.algorithms.compiled is
    'Whether sessions predict its models without scikit-learn, at its defaults.';
comment on column ml.algorithms.explained is
    'How ml.explain computes what each feature adds: exact or sampled; NULL where it does not.';

create function ml._training_progress(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out model_type pg_catalog.text,
    out algorithm pg_catalog.text, out pid integer, out started_at pg_catalog.timestamptz, out step pg_catalog.text,
    out fraction pg_catalog.float8, out rows bigint, out seconds pg_catalog.float8, out seconds_left pg_catalog.float8
) returns setof pg_catalog.record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import training_progress
return training_progress()
$$;
comment on function ml._training_progress is 'Internal: the rows of ml.training_progress.';
create view ml.training_progress as
select tenant_id, model_id, model_type, algorithm, pid, started_at, step, fraction, rows, seconds, seconds_left
from ml._training_progress();
comment on view ml.training_progress is 'Trainings that run now, of the tenants the caller may act for.';
comment on column ml.training_progress.tenant_id is 'The tenant that owns it.';
comment on column ml.training_progress.model_id is 'The model''s name.';
comment on column ml.training_progress.model_type is 'Its model type.';
comment on column ml.training_progress.algorithm is 'Name of the estimator''s class.';
comment on column ml.training_progress.pid is 'Process of the session that trains: pg_cancel_backend(pid) ends it.';
comment on column ml.training_progress.started_at is 'When it began.';
comment on column ml.training_progress.step is 'What it does now, such as read, fit or compile.';
comment on column ml.training_progress.fraction is 'Share of the work that is done, 0 to 1.';
comment on column ml.training_progress.rows is 'Rows read.';
comment on column ml.training_progress.seconds is 'Seconds since it began.';
comment on column ml.training_progress.seconds_left is
    'Seconds that it may still take; NULL where nothing is known yet.';
