-- Models and their versions: what there is, and which one predicts.

create view ml.models with (security_invoker = true) as
select m.tenant_id, m.model_id, m.model_type, v.version as deployed_version, v.algorithm, v.target, v.metrics,
    v.training_rows, v.trained_at, v.trained_by,
    (select pg_catalog.count(*) from ml.model_version a where a.model operator(pg_catalog.=) m.id) as versions,
    m.created_at
from ml.model m
left join ml.model_version v on v.id operator(pg_catalog.=) m.deployed_version_id;
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

create view ml.model_versions with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, v.id operator(pg_catalog.=) m.deployed_version_id as deployed, v.model_type,
    v.algorithm, v.hyperparameters, v.target, v.classes, v.metrics, v.training_rows, v.dropped_rows, v.source_tables,
    v.random_state, v.runtime operator(pg_catalog.->>) 'name' as runtime, v.warnings, v.library_versions, v.trained_by,
    v.trained_at, v.training_time
from ml.model_version v
join ml.model m on m.id operator(pg_catalog.=) v.model;
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

create view ml.trials with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, t.number, t.hyperparameters, t.score, t.details
from ml.trial t
join ml.model_version v on v.id operator(pg_catalog.=) t.version_id
join ml.model m on m.id operator(pg_catalog.=) v.model;
comment on view ml.trials is 'Trials of the hyperparameter searches of the models the caller may use.';
comment on column ml.trials.tenant_id is 'The tenant that owns it.';
comment on column ml.trials.model_id is 'The model''s name.';
comment on column ml.trials.version is 'Number of the version that the search led to.';
comment on column ml.trials.number is 'Number of the trial in its search, from 1.';
comment on column ml.trials.hyperparameters is 'The hyperparameters that were tried.';
comment on column ml.trials.score is 'Mean score over the folds, higher is better; NULL where the fit failed.';
comment on column ml.trials.details is 'Standard deviation over the folds, rank and seconds.';

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
