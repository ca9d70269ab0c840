create function ml.predict_into(
    model_id text,
    input_data text,
    target_table text,
    id_column text default null,
    version text default null,
    tenant_id text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_into
return predict_into(model_id, input_data, target_table, id_column, version, tenant_id)
$$;
comment on function ml.predict_into is 'Write the predictions of every row to a new or an existing table, and return how many.';
