create function ml.predict_proba(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(text, jsonb, text, text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create function ml.predict_proba(model_id text, input float8[], version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(text, float8[], text, text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create function ml.predict_proba(model_id text, input text, version text default null, tenant_id text default null)
    returns float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(text, text, text, text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';
