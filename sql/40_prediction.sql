-- Prediction: one row by four functions in three forms each, and tables.

-- Functions that predict one row keep their entry point in SD: to import what is long imported would take a sixth of
-- the time of such a call.
create function ml.predict(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict(pg_catalog.text, pg_catalog.jsonb, pg_catalog.text, pg_catalog.text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict(pg_catalog.text, pg_catalog.float8[], pg_catalog.text, pg_catalog.text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict(
    model_id pg_catalog.text,
    input pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.jsonb
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict
    SD["entry"] = predict
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) is
    'Predict one row: prediction, probabilities, confidence, model and version as jsonb.';

create function ml.predict_value(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(pg_catalog.text, pg_catalog.jsonb, pg_catalog.text, pg_catalog.text) is
    'Predict one row as a number.';

create function ml.predict_value(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(pg_catalog.text, pg_catalog.float8[], pg_catalog.text, pg_catalog.text) is
    'Predict one row as a number.';

create function ml.predict_value(
    model_id pg_catalog.text,
    input pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.float8
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_value
    SD["entry"] = predict_value
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_value(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) is
    'Predict one row as a number.';

create function ml.predict_label(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(pg_catalog.text, pg_catalog.jsonb, pg_catalog.text, pg_catalog.text) is
    'Predict one row as a class label.';

create function ml.predict_label(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(pg_catalog.text, pg_catalog.float8[], pg_catalog.text, pg_catalog.text) is
    'Predict one row as a class label.';

create function ml.predict_label(
    model_id pg_catalog.text,
    input pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_label
    SD["entry"] = predict_label
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_label(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) is
    'Predict one row as a class label.';

create function ml.predict_proba(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(pg_catalog.text, pg_catalog.jsonb, pg_catalog.text, pg_catalog.text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create function ml.predict_proba(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(pg_catalog.text, pg_catalog.float8[], pg_catalog.text, pg_catalog.text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create function ml.predict_proba(
    model_id pg_catalog.text,
    input pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.float8[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_proba
    SD["entry"] = predict_proba
return SD["entry"](model_id, input, version, tenant_id)
$$;
comment on function ml.predict_proba(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) is
    'Predict the probability of each class for one row, in the order of the model''s classes.';

create type ml.prediction_interval as (
    value pg_catalog.float8,
    lower pg_catalog.float8,
    upper pg_catalog.float8,
    level pg_catalog.float8
);
comment on type ml.prediction_interval is 'What ml.predict_interval returns.';
comment on column ml.prediction_interval.value is 'The predicted value.';
comment on column ml.prediction_interval.lower is 'Lower bound.';
comment on column ml.prediction_interval.upper is 'Upper bound.';
comment on column ml.prediction_interval.level is 'Share of rows whose true value such bounds hold.';

create function ml.predict_interval(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns ml.prediction_interval
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_interval
    SD["entry"] = predict_interval
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_interval(
    pg_catalog.text, pg_catalog.jsonb, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a number, with bounds that hold the true value as often as the level says.';

create function ml.predict_interval(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns ml.prediction_interval
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_interval
    SD["entry"] = predict_interval
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_interval(
    pg_catalog.text, pg_catalog.float8[], pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a number, with bounds that hold the true value as often as the level says.';

create function ml.predict_interval(
    model_id pg_catalog.text,
    input pg_catalog.text,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns ml.prediction_interval
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_interval
    SD["entry"] = predict_interval
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_interval(
    pg_catalog.text, pg_catalog.text, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a number, with bounds that hold the true value as often as the level says.';

create function ml.predict_set(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_set
    SD["entry"] = predict_set
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_set(
    pg_catalog.text, pg_catalog.jsonb, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a set of labels that holds the true one as often as the level says, the most probable first.';

create function ml.predict_set(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_set
    SD["entry"] = predict_set
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_set(
    pg_catalog.text, pg_catalog.float8[], pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a set of labels that holds the true one as often as the level says, the most probable first.';

create function ml.predict_set(
    model_id pg_catalog.text,
    input pg_catalog.text,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_set
    SD["entry"] = predict_set
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_set(
    pg_catalog.text, pg_catalog.text, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a set of labels that holds the true one as often as the level says, the most probable first.';

create function ml._predict_chunks(
    model_id pg_catalog.text, input_data pg_catalog.text, id_column pg_catalog.text, version pg_catalog.text,
    tenant_id pg_catalog.text, chunk_rows integer default null, exact_ids boolean default false, out first bigint,
    out ids pg_catalog.text[], out labels pg_catalog.text[], out codes pg_catalog.bytea, out vals pg_catalog.bytea,
    out numbers pg_catalog.bytea, out width integer, out chances boolean
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_chunks
return predict_chunks(model_id, input_data, id_column, version, tenant_id, chunk_rows, exact_ids)
$$;
comment on function ml._predict_chunks is 'Internal: the predictions of ml.predict_batch, a chunk of rows at a time.';

create function ml._raise_failure() returns integer
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import raise_failure
return raise_failure()
$$;
comment on function ml._raise_failure() is 'Internal: raise what ended the chunks of ml.predict_batch.';

-- Calls in the select list, not in FROM: a chunk is predicted when its rows are asked for, and kept nowhere. OFFSET 0
-- keeps each level apart: what belongs to a chunk is computed once, and the outermost keeps the chunk's arrays away from
-- a join or a sort of the caller's, which would copy them for each row.
create function ml._predict_rows(
    model_id pg_catalog.text, input_data pg_catalog.text, id_column pg_catalog.text, version pg_catalog.text,
    tenant_id pg_catalog.text, chunk_rows integer, exact_ids boolean
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select
    case when r.numbered
        then (r.first operator(pg_catalog.+) r.position operator(pg_catalog.-) 1)::pg_catalog.text else r.id end,
    case when r.code is null
        then case when r.value operator(pg_catalog.<>) 'NaN' then r.value end::pg_catalog.text
        else r.labels[r.code] end,
    case when r.value operator(pg_catalog.<>) 'NaN' then r.value end,
    case when r.chances and r.code operator(pg_catalog.>) 0
        then r.numbers[r.before operator(pg_catalog.+) r.code] end,
    case when r.width operator(pg_catalog.>) 0 and (r.code is null or r.code operator(pg_catalog.<>) 0)
        then r.numbers[r.before operator(pg_catalog.+) 1 : r.before operator(pg_catalog.+) r.width] end
from (
    select n.*, (n.position operator(pg_catalog.-) 1) operator(pg_catalog.*) n.width as before from (
        select c.first, c.ids is null as numbered, c.labels, c.width, c.chances, c.numbers,
            pg_catalog.unnest(c.codes) as code, pg_catalog.unnest(c.vals) as value, pg_catalog.unnest(c.ids) as id,
            pg_catalog.generate_series(1, c.rows) as position
        from (
            select (p.chunk).first, (p.chunk).ids, (p.chunk).labels, (p.chunk).width, (p.chunk).chances,
                ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).vals) as vals,
                ml._float8_array((p.chunk).numbers) as numbers,
                coalesce(
                    pg_catalog.octet_length((p.chunk).codes) operator(pg_catalog./) 4,
                    pg_catalog.octet_length((p.chunk).vals) operator(pg_catalog./) 8,
                    ml._raise_failure()) as rows
            from (select ml._predict_chunks($1, $2, $3, $4, $5, $6, $7) as chunk offset 0) as p
            offset 0
        ) as c
    ) as n
) as r
offset 0
$$;
comment on function ml._predict_rows is 'Internal: the rows of ml.predict_batch, however its ids are typed.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text default null,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $4, $6, $5, false) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

-- Views that were made before chunk_rows was an argument know the function by this name.
create function ml._predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text default null,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $4, $5, null, false) as p
$$;
comment on function ml._predict_batch is 'Internal: ml.predict_batch as views of version 0.2.0 call it.';

-- The same with ids of a type, named by a value of it: id_type => null::bigint. One function a type: the columns of a
-- polymorphic one have a type only where all arguments come in their order. The one of text takes varchar, so that a
-- fourth argument without a type stays the version.
create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type smallint,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id smallint, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::smallint, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, smallint, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type integer,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id integer, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::integer, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, integer, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type bigint,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id bigint, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::bigint, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, bigint, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.numeric,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.numeric, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.numeric, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.varchar,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.text, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.varchar, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.uuid,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.uuid, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.uuid, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.uuid, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.date,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.date, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.date, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.date, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.timestamp,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.timestamp, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.timestamp, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamp, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.timestamptz,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.timestamptz, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.timestamptz, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

-- Five texts in a row are what version 0.2.0 took, the tenant last. Without names, so that no call by names finds it.
create function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $4, $5, null, false) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

-- The same with how sure each prediction is, at a level: a function of its own, so that all others keep their columns.
create function ml._predict_level_chunks(
    model_id pg_catalog.text, input_data pg_catalog.text, id_column pg_catalog.text, version pg_catalog.text,
    tenant_id pg_catalog.text, chunk_rows integer, level pg_catalog.float8, out first bigint,
    out ids pg_catalog.text[], out labels pg_catalog.text[], out codes pg_catalog.bytea, out vals pg_catalog.bytea,
    out numbers pg_catalog.bytea, out width integer, out chances boolean, out lowers pg_catalog.bytea,
    out uppers pg_catalog.bytea, out sets pg_catalog.text[]
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_chunks
return predict_chunks(model_id, input_data, id_column, version, tenant_id, chunk_rows, False, level)
$$;
comment on function ml._predict_level_chunks is
    'Internal: the predictions of ml.predict_batch with a level, a chunk of rows at a time.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    level pg_catalog.float8,
    id_column pg_catalog.text default null,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[], lower pg_catalog.float8, upper pg_catalog.float8, labels pg_catalog.text[]
)
    language sql stable parallel unsafe rows 100000 as $$
select
    case when r.numbered
        then (r.first operator(pg_catalog.+) r.position operator(pg_catalog.-) 1)::pg_catalog.text else r.id end,
    case when r.code is null
        then case when r.value operator(pg_catalog.<>) 'NaN' then r.value end::pg_catalog.text
        else r.labels[r.code] end,
    case when r.value operator(pg_catalog.<>) 'NaN' then r.value end,
    case when r.chances and r.code operator(pg_catalog.>) 0
        then r.numbers[r.before operator(pg_catalog.+) r.code] end,
    case when r.width operator(pg_catalog.>) 0 and (r.code is null or r.code operator(pg_catalog.<>) 0)
        then r.numbers[r.before operator(pg_catalog.+) 1 : r.before operator(pg_catalog.+) r.width] end,
    case when r.low operator(pg_catalog.<>) 'NaN' then r.low end,
    case when r.high operator(pg_catalog.<>) 'NaN' then r.high end,
    r.held::pg_catalog.text[]
from (
    select n.*, (n.position operator(pg_catalog.-) 1) operator(pg_catalog.*) n.width as before from (
        select c.first, c.ids is null as numbered, c.labels, c.width, c.chances, c.numbers,
            pg_catalog.unnest(c.codes) as code, pg_catalog.unnest(c.vals) as value, pg_catalog.unnest(c.ids) as id,
            pg_catalog.unnest(c.lowers) as low, pg_catalog.unnest(c.uppers) as high, pg_catalog.unnest(c.sets) as held,
            pg_catalog.generate_series(1, c.rows) as position
        from (
            select (p.chunk).first, (p.chunk).ids, (p.chunk).labels, (p.chunk).width, (p.chunk).chances, (p.chunk).sets,
                ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).vals) as vals,
                ml._float8_array((p.chunk).numbers) as numbers, ml._float8_array((p.chunk).lowers) as lowers,
                ml._float8_array((p.chunk).uppers) as uppers,
                coalesce(
                    pg_catalog.octet_length((p.chunk).codes) operator(pg_catalog./) 4,
                    pg_catalog.octet_length((p.chunk).vals) operator(pg_catalog./) 8,
                    ml._raise_failure()) as rows
            from (select ml._predict_level_chunks($1, $2, $4, $5, $7, $6, $3) as chunk offset 0) as p
            offset 0
        ) as c
    ) as n
) as r
offset 0
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.float8, pg_catalog.text, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_into(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    target_table pg_catalog.text,
    id_column pg_catalog.text default null,
    version pg_catalog.text default null,
    keep pg_catalog.text[] default null,
    mode pg_catalog.text default 'append',
    level pg_catalog.float8 default null,
    tenant_id pg_catalog.text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_into
return predict_into(model_id, input_data, target_table, id_column, version, keep, mode, level, tenant_id)
$$;
comment on function ml.predict_into is
    'Write the predictions of every row to a new or an existing table, and return how many.';
