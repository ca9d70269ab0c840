create function ml.predict(model_id text, input jsonb, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict
return predict(model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, jsonb, text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(model_id text, input float8[], version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict
return predict(model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, float8[], text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(model_id text, input text, version text default null, tenant_id text default null)
    returns jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
from motadata_ml_server.entrypoints import predict
return predict(model_id, input, version, tenant_id)
$$;
comment on function ml.predict(text, text, text, text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';
