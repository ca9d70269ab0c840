create function ml.get_model_info(model_id text, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import get_model_info
return get_model_info(model_id, version, tenant_id)
$$;
comment on function ml.get_model_info is 'Describe a model version: features, classes, metrics, runtime, lineage.';
