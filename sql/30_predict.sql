-- Functions that predict one row keep their entry point in SD: to import what is long imported would take a sixth of the
-- time of such a call.
create function ml.predict(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, jsonb, text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(model_id text, input float8[], version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, float8[], text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(model_id text, input text, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, text, text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';
