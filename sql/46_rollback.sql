create function ml.rollback(model_id text, tenant_id text default null) returns text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import rollback
return rollback(model_id, tenant_id)
$$;
comment on function ml.rollback is 'Deploy again the version that was deployed before the present one.';
