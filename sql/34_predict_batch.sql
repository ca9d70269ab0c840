create function ml._predict_chunks(
    model_id text, input_data text, id_column text, version text, tenant_id text,
    out ids text[], out predictions text[], out vals float8[], out confidences float8[],
    out probabilities float8[], out classes integer
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
select r.id, r.prediction, r.value, r.confidence,
    case when c.classes > 0 then c.probabilities[(r.position - 1) * c.classes + 1 : r.position * c.classes] end
from ml._predict_chunks($1, $2, $3, $4, $5) as c,
    lateral unnest(c.ids, c.predictions, c.vals, c.confidences)
        with ordinality as r (id, prediction, value, confidence, position)
$$;
comment on function ml.predict_batch is 'Predict every row of a table, a view or a SELECT, in its order.';
