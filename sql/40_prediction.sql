-- Prediction: one row by four functions in three forms each, and tables.

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

create function ml._predict_chunks(
    model_id text, input_data text, id_column text, version text, tenant_id text,
    out first bigint, out ids text[], out labels text[], out codes bytea, out vals bytea, out numbers bytea,
    out width integer, out chances boolean
) returns setof record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_chunks
return predict_chunks(model_id, input_data, id_column, version, tenant_id)
$$;
comment on function ml._predict_chunks is 'Internal: the predictions of ml.predict_batch, a chunk of rows at a time.';

-- Calls in the select list, not in FROM: a chunk is predicted when its rows are asked for, and kept nowhere. OFFSET 0
-- keeps each level apart, so that what belongs to a chunk is computed once.
create function ml.predict_batch(
    model_id text,
    input_data text,
    id_column text default null,
    version text default null,
    tenant_id text default null
) returns table (id text, prediction text, value float8, confidence float8, probabilities float8[])
    language sql stable parallel unsafe rows 100000 as $$
select case when r.numbered then (r.first + r.position - 1)::text else r.id end,
    case when r.code is null then nullif(r.value, 'NaN')::text else r.labels[r.code] end,
    nullif(r.value, 'NaN'),
    case when r.chances and r.code > 0 then r.numbers[(r.position - 1) * r.width + r.code] end,
    case when r.width > 0 and r.code is distinct from 0 then r.numbers[(r.position - 1) * r.width + 1 : r.position * r.width] end
from (
    select c.first, c.ids is null as numbered, c.labels, c.width, c.chances, c.numbers, unnest(c.codes) as code,
        unnest(c.vals) as value, unnest(c.ids) as id, generate_series(1, c.rows) as position
    from (
        select (p.chunk).first, (p.chunk).ids, (p.chunk).labels, (p.chunk).width, (p.chunk).chances,
            ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).vals) as vals,
            ml._float8_array((p.chunk).numbers) as numbers,
            coalesce(octet_length((p.chunk).codes) / 4, octet_length((p.chunk).vals) / 8) as rows
        from (select ml._predict_chunks($1, $2, $3, $4, $5) as chunk offset 0) as p
        offset 0
    ) as c
) as r
$$;
comment on function ml.predict_batch is 'Predict every row of a table, a view or a SELECT, in its order.';

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
