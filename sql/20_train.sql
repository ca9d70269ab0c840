create type ml.training_result as (
    model_id text,
    status text,
    metrics jsonb,
    training_time float8,
    model_version text
);
comment on type ml.training_result is 'What ml.train returns: training_time is in seconds.';
comment on column ml.training_result.model_id is 'The model''s name.';
comment on column ml.training_result.status is 'completed, once the version is stored.';
comment on column ml.training_result.metrics is 'Scores on the rows held out, by name.';
comment on column ml.training_result.training_time is 'Seconds from the call to the stored version.';
comment on column ml.training_result.model_version is 'Number of the new version.';

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
