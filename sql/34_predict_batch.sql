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

create function ml.predict_batch(
    model_id text,
    input_data text,
    id_column text default null,
    version text default null,
    tenant_id text default null
) returns table (id text, prediction text, value float8, confidence float8, probabilities float8[])
    language sql stable parallel unsafe rows 100000 as $$
with chunk as materialized (
    select c.first, c.ids, c.labels, c.width, c.chances, ml._int4_array(c.codes) as codes,
        ml._float8_array(c.vals) as vals, ml._float8_array(c.numbers) as numbers
    from ml._predict_chunks($1, $2, $3, $4, $5) as c
)
select case when c.ids is null then (c.first + r.position - 1)::text else r.id end,
    case when r.code is null then nullif(r.value, 'NaN')::text else c.labels[r.code] end,
    nullif(r.value, 'NaN'),
    case when c.chances and r.code > 0 then c.numbers[(r.position - 1) * c.width + r.code] end,
    case when c.width > 0 and r.code is distinct from 0 then c.numbers[(r.position - 1) * c.width + 1 : r.position * c.width] end
from chunk as c, lateral unnest(c.codes, c.vals, c.ids) with ordinality as r (code, value, id, position)
$$;
comment on function ml.predict_batch is 'Predict every row of a table, a view or a SELECT, in its order.';
