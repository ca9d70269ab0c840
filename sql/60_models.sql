-- Models and their versions: what there is, and which one predicts.

create function ml._models(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out model_type pg_catalog.text,
    out deployed_version pg_catalog.text, out algorithm pg_catalog.text, out target pg_catalog.text,
    out metrics pg_catalog.jsonb, out training_rows bigint, out trained_at pg_catalog.timestamptz,
    out trained_by pg_catalog.name, out versions bigint, out created_at pg_catalog.timestamptz,
    out access pg_catalog.text, out granted_to pg_catalog.name[]
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import model_rows
return model_rows()
$$;
comment on function ml._models is 'Internal: the rows of ml.models.';
create view ml.models as
select tenant_id, model_id, model_type, deployed_version, algorithm, target, metrics, training_rows, trained_at,
    trained_by, versions, created_at, access, granted_to
from ml._models();
comment on view ml.models is 'Models the caller may use, each with its deployed version.';
comment on column ml.models.tenant_id is 'The tenant that owns it.';
comment on column ml.models.model_id is 'The model''s name.';
comment on column ml.models.model_type is
    'classification, regression, clustering, anomaly or decomposition; that of the deployed version.';
comment on column ml.models.deployed_version is 'Number of the version that predicts; NULL where none is deployed.';
comment on column ml.models.algorithm is 'Name of the deployed version''s estimator.';
comment on column ml.models.target is 'The column that it predicts.';
comment on column ml.models.metrics is 'Its scores on the rows held out, by name.';
comment on column ml.models.training_rows is 'Rows with a target: those learned from and those held out.';
comment on column ml.models.trained_at is 'When the deployed version was stored.';
comment on column ml.models.trained_by is 'The role that trained it.';
comment on column ml.models.versions is 'How many versions there are.';
comment on column ml.models.created_at is 'When the first version was trained.';
comment on column ml.models.access is
    'What the caller may do with it: admin, train (use and manage it) or predict; a model that is shared is for predict.';
comment on column ml.models.granted_to is
    'Roles it is shared with by ml.grant_model; NULL for none, and for who may only predict.';

create function ml._model_versions(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out version pg_catalog.text, out deployed boolean,
    out model_type pg_catalog.text, out algorithm pg_catalog.text, out hyperparameters pg_catalog.jsonb,
    out target pg_catalog.text, out classes pg_catalog.text[], out metrics pg_catalog.jsonb, out training_rows bigint,
    out dropped_rows bigint, out source_tables pg_catalog.text[], out random_state integer,
    out runtime pg_catalog.text, out warnings pg_catalog.text[], out library_versions pg_catalog.jsonb,
    out trained_by pg_catalog.name, out trained_at pg_catalog.timestamptz, out training_time pg_catalog.float8
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import model_version_rows
return model_version_rows()
$$;
comment on function ml._model_versions is 'Internal: the rows of ml.model_versions.';
create view ml.model_versions as
select tenant_id, model_id, version, deployed, model_type, algorithm, hyperparameters, target, classes, metrics,
    training_rows, dropped_rows, source_tables, random_state, runtime, warnings, library_versions, trained_by,
    trained_at, training_time
from ml._model_versions();
comment on view ml.model_versions is 'Versions of the models the caller may use.';
comment on column ml.model_versions.tenant_id is 'The tenant that owns it.';
comment on column ml.model_versions.model_id is 'The model''s name.';
comment on column ml.model_versions.version is 'Number of the version, such as 1.0.0.';
comment on column ml.model_versions.deployed is 'Whether it is the one that predicts.';
comment on column ml.model_versions.model_type is 'classification, regression, clustering, anomaly or decomposition.';
comment on column ml.model_versions.algorithm is 'Name of the estimator''s class.';
comment on column ml.model_versions.hyperparameters is 'All of the estimator''s hyperparameters, defaults too.';
comment on column ml.model_versions.target is 'The column to predict; NULL where there is none.';
comment on column ml.model_versions.classes is
    'The labels of a classifier, as text, in the order of its probabilities.';
comment on column ml.model_versions.metrics is 'Scores on the rows held out, by name.';
comment on column ml.model_versions.training_rows is 'Rows with a target: those learned from and those held out.';
comment on column ml.model_versions.dropped_rows is 'Rows left out because their target was NULL.';
comment on column ml.model_versions.source_tables is
    'Tables and views that the training query read, with their schemas.';
comment on column ml.model_versions.random_state is 'Seed of the training; NULL for none.';
comment on column ml.model_versions.runtime is 'Name of what predicts: linear, onnx, sklearn or grouped.';
comment on column ml.model_versions.warnings is 'What the libraries warned of during the training.';
comment on column ml.model_versions.library_versions is 'Versions of the libraries that it was trained with.';
comment on column ml.model_versions.trained_by is 'The role that trained it.';
comment on column ml.model_versions.trained_at is 'When it was stored.';
comment on column ml.model_versions.training_time is 'Seconds from the call to the stored version.';

create function ml._trials(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out version pg_catalog.text, out number integer,
    out hyperparameters pg_catalog.jsonb, out score pg_catalog.float8, out details pg_catalog.jsonb
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import trial_rows
return trial_rows()
$$;
comment on function ml._trials is 'Internal: the rows of ml.trials.';
create view ml.trials as
select tenant_id, model_id, version, number, hyperparameters, score, details,
    (details operator(pg_catalog.->>) 'algorithm') as algorithm,
    (details operator(pg_catalog.->>) 'seconds')::pg_catalog.float8 as seconds,
    (details operator(pg_catalog.->>) 'folds')::integer as folds
from ml._trials();
comment on view ml.trials is 'Trials of the hyperparameter searches of the models the caller may use.';
comment on column ml.trials.tenant_id is 'The tenant that owns it.';
comment on column ml.trials.model_id is 'The model''s name.';
comment on column ml.trials.version is 'Number of the version that the search led to.';
comment on column ml.trials.number is 'Number of the trial in its search, from 1.';
comment on column ml.trials.hyperparameters is 'The hyperparameters that were tried.';
comment on column ml.trials.score is 'Mean score over the folds, higher is better; NULL where the fit failed.';
comment on column ml.trials.details is 'Rank, standard deviation over the folds, and why a fit failed.';
comment on column ml.trials.algorithm is 'The estimator that was tried; NULL of versions before 0.3.0.';
comment on column ml.trials.seconds is 'Seconds of one fit; of algorithm => ''best'' those of all its folds.';
comment on column ml.trials.folds is 'Folds that it was scored on; NULL of versions before 0.3.0.';

create function ml._deployments(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out version pg_catalog.text,
    out deployed_by pg_catalog.name, out deployed_at pg_catalog.timestamptz, out rolled_back_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import deployment_rows
return deployment_rows()
$$;
comment on function ml._deployments is 'Internal: the rows of ml.deployments.';
create view ml.deployments as
select tenant_id, model_id, version, deployed_by, deployed_at, rolled_back_at
from ml._deployments();
comment on view ml.deployments is 'History of deployments of the models the caller may use.';
comment on column ml.deployments.tenant_id is 'The tenant that owns it.';
comment on column ml.deployments.model_id is 'The model''s name.';
comment on column ml.deployments.version is 'Number of the version that was deployed.';
comment on column ml.deployments.deployed_by is 'The role that deployed it.';
comment on column ml.deployments.deployed_at is 'When it was deployed.';
comment on column ml.deployments.rolled_back_at is 'When ml.rollback took it back; NULL where it did not.';

create function ml.list_models(tenant_id pg_catalog.text default null) returns setof ml.models
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import list_models
return list_models(tenant_id)
$$;
comment on function ml.list_models is 'List the models of a tenant.';

create function ml.get_model_info(
    model_id pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.jsonb
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import get_model_info
return get_model_info(model_id, version, tenant_id)
$$;
comment on function ml.get_model_info is 'Describe a model version: features, classes, metrics, runtime, lineage.';

create function ml.delete_model(
    model_id pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import delete_model
return delete_model(model_id, version, tenant_id)
$$;
comment on function ml.delete_model is 'Delete a model with all its versions, or one version that is not deployed.';

create function ml.deploy(
    model_id pg_catalog.text,
    version pg_catalog.text,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import deploy
return deploy(model_id, version, tenant_id)
$$;
comment on function ml.deploy is 'Make a version of a model the one that predicts, and return its number.';

create function ml.rollback(model_id pg_catalog.text, tenant_id pg_catalog.text default null) returns pg_catalog.text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import rollback
return rollback(model_id, tenant_id)
$$;
comment on function ml.rollback is 'Deploy again the version that was deployed before the present one.';

create function ml.grant_model(
    model_id pg_catalog.text,
    role_name pg_catalog.name,
    access pg_catalog.text default 'predict',
    tenant_id pg_catalog.text default null
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import grant_model
grant_model(model_id, role_name, access, tenant_id)
$$;
comment on function ml.grant_model is 'Let a role of any tenant predict with one model of the caller''s.';

create function ml.revoke_model(
    model_id pg_catalog.text,
    role_name pg_catalog.name,
    tenant_id pg_catalog.text default null
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import revoke_model
revoke_model(model_id, role_name, tenant_id)
$$;
comment on function ml.revoke_model is 'Take back what ml.grant_model gave a role.';
