create function ml.predict_value(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(text, jsonb, text, text) is
    'Predict one row as a number.';

create function ml.predict_value(model_id text, input float8[], version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(text, float8[], text, text) is
    'Predict one row as a number.';

create function ml.predict_value(model_id text, input text, version text default null, tenant_id text default null)
    returns float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(text, text, text, text) is
    'Predict one row as a number.';
