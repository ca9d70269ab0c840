create function ml.predict_label(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(text, jsonb, text, text) is
    'Predict one row as a class label.';

create function ml.predict_label(model_id text, input float8[], version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(text, float8[], text, text) is
    'Predict one row as a class label.';

create function ml.predict_label(model_id text, input text, version text default null, tenant_id text default null)
    returns text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(text, text, text, text) is
    'Predict one row as a class label.';
