-- Models and their versions: what there is, and which one predicts.

create view ml.models with (security_invoker = true) as
select m.tenant_id, m.model_id, m.model_type, v.version as deployed_version, v.algorithm, v.target, v.metrics,
    v.training_rows, v.trained_at, v.trained_by,
    (select pg_catalog.count(*) from ml.model_version a where a.model operator(pg_catalog.=) m.id) as versions,
    m.created_at
from ml.model m
left join ml.model_version v on v.id operator(pg_catalog.=) m.deployed_version_id;
comment on view ml.models is 'Models the caller may use, each with its deployed version.';

create view ml.model_versions with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, v.id operator(pg_catalog.=) m.deployed_version_id as deployed, v.model_type,
    v.algorithm, v.hyperparameters, v.target, v.classes, v.metrics, v.training_rows, v.dropped_rows, v.source_tables,
    v.random_state, v.runtime operator(pg_catalog.->>) 'name' as runtime, v.warnings, v.library_versions, v.trained_by,
    v.trained_at, v.training_time
from ml.model_version v
join ml.model m on m.id operator(pg_catalog.=) v.model;
comment on view ml.model_versions is 'Versions of the models the caller may use.';

create view ml.trials with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, t.number, t.hyperparameters, t.score, t.details
from ml.trial t
join ml.model_version v on v.id operator(pg_catalog.=) t.version_id
join ml.model m on m.id operator(pg_catalog.=) v.model;
comment on view ml.trials is 'Trials of the hyperparameter searches of the models the caller may use.';

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
