-- Models as SQL and as ONNX.

create function ml.to_sql(
    model_id pg_catalog.text,
    output pg_catalog.text default null,
    dialect pg_catalog.text default 'postgres',
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import to_sql
return to_sql(model_id, output, dialect, version, tenant_id)
$$;
comment on function ml.to_sql is
    'Return a linear model, a tree or a small ensemble as a SQL expression over its features.';

create function ml.create_sql_function(
    model_id pg_catalog.text,
    function_name pg_catalog.text,
    output pg_catalog.text default null,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import create_sql_function
return create_sql_function(model_id, function_name, output, version, tenant_id)
$$;
comment on function ml.create_sql_function is
    'Install a model as a plain SQL function of its features, owned by the caller, and return its signature.';

create function ml.export_onnx(
    model_id pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.bytea
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import export_onnx
return export_onnx(model_id, version, tenant_id)
$$;
comment on function ml.export_onnx is 'Return a model as ONNX, from raw columns to predictions.';
