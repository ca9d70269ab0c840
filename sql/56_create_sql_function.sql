create function ml.create_sql_function(
    model_id text,
    function_name text,
    output text default null,
    version text default null,
    tenant_id text default null
) returns text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import create_sql_function
return create_sql_function(model_id, function_name, output, version, tenant_id)
$$;
comment on function ml.create_sql_function is
    'Install a model as a plain SQL function of its features, owned by the caller, and return its signature.';
