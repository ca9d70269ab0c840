create function ml.deploy(model_id text, version text, tenant_id text default null) returns text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import deploy
return deploy(model_id, version, tenant_id)
$$;
comment on function ml.deploy is 'Make a version of a model the one that predicts, and return its number.';
