create function ml.export_onnx(model_id text, version text default null, tenant_id text default null) returns bytea
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import export_onnx
return export_onnx(model_id, version, tenant_id)
$$;
comment on function ml.export_onnx is 'Return a model as ONNX, from raw columns to predictions.';
