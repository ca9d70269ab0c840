create function ml.delete_model(model_id text, version text default null, tenant_id text default null)
    returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import delete_model
return delete_model(model_id, version, tenant_id)
$$;
comment on function ml.delete_model is 'Delete a model with all its versions, or one version that is not deployed.';
