-- Evaluation: how good a model is on rows, and whether they are like those it has learned from.

create function ml.evaluate(
    model_id text,
    input_data text,
    target text default null,
    version text default null,
    tenant_id text default null
) returns jsonb
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import evaluate
return evaluate(model_id, input_data, target, version, tenant_id)
$$;
comment on function ml.evaluate is 'Score a model on a table, a view or a SELECT that has its target.';

create function ml.confusion_matrix(
    model_id text,
    input_data text,
    target text default null,
    version text default null,
    tenant_id text default null
) returns table (actual text, predicted text, count bigint)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import confusion_matrix
return confusion_matrix(model_id, input_data, target, version, tenant_id)
$$;
comment on function ml.confusion_matrix is 'Count the rows of each pair of actual and predicted label that occurs.';

create function ml.drift(model_id text, input_data text, version text default null, tenant_id text default null)
    returns table (
        feature text, kind text, statistic text, value float8, threshold float8, drifted boolean,
        null_share_trained float8, null_share float8, rows bigint
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import drift
return drift(model_id, input_data, version, tenant_id)
$$;
comment on function ml.drift is 'Compare the rows of a table, a view or a SELECT with those a model was trained on.';
