create function ml.to_sql(
    model_id text,
    output text default null,
    dialect text default 'postgres',
    version text default null,
    tenant_id text default null
) returns text
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import to_sql
return to_sql(model_id, output, dialect, version, tenant_id)
$$;
comment on function ml.to_sql is 'Return a linear model, a tree or a small ensemble as a SQL expression over its features.';
