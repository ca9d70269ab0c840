-- Evaluation: how good a model is on rows, and whether they are like those it has learned from.

create function ml.evaluate(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    target pg_catalog.text default null,
    version pg_catalog.text default null,
    positive_class pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.jsonb
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import evaluate
return evaluate(model_id, input_data, target, version, positive_class, tenant_id)
$$;
comment on function ml.evaluate is 'Score a model on a table, a view or a SELECT that has its target.';

create function ml.confusion_matrix(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    target pg_catalog.text default null,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (actual pg_catalog.text, predicted pg_catalog.text, count bigint)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import confusion_matrix
return confusion_matrix(model_id, input_data, target, version, tenant_id)
$$;
comment on function ml.confusion_matrix is 'Count the rows of each pair of actual and predicted label that occurs.';

create function ml.drift(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (
        feature pg_catalog.text, kind pg_catalog.text, statistic pg_catalog.text, value pg_catalog.float8,
        threshold pg_catalog.float8, drifted boolean,
        null_share_trained pg_catalog.float8, null_share pg_catalog.float8, rows bigint
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import drift
return drift(model_id, input_data, version, tenant_id)
$$;
comment on function ml.drift is 'Compare the rows of a table, a view or a SELECT with those a model was trained on.';
