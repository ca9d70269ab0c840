create function ml.list_models(tenant_id text default null) returns setof ml.models
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import list_models
return list_models(tenant_id)
$$;
comment on function ml.list_models is 'List the models of a tenant.';
