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

-- Curves of a class. Its argument is args[2] or args[3] below: class is a word of Python's.
create function ml.roc_curve(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    target pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (threshold pg_catalog.float8, fpr pg_catalog.float8, tpr pg_catalog.float8)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import roc_curve
return roc_curve(model_id, input_data, args[2], version, target, tenant_id)
$$;
comment on function ml.roc_curve is
    'Return the false and the true positive rate of each threshold on the probability of a class.';

create function ml.precision_recall_curve(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    target pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (threshold pg_catalog.float8, "precision" pg_catalog.float8, recall pg_catalog.float8)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import precision_recall_curve
return precision_recall_curve(model_id, input_data, args[2], version, target, tenant_id)
$$;
comment on function ml.precision_recall_curve is
    'Return precision and recall of each threshold on the probability of a class.';

create function ml.calibration_curve(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    target pg_catalog.text default null,
    n_bins integer default 10,
    tenant_id pg_catalog.text default null
) returns table (
        lower pg_catalog.float8, upper pg_catalog.float8, predicted pg_catalog.float8, observed pg_catalog.float8,
        rows bigint
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import calibration_curve
return calibration_curve(model_id, input_data, args[2], version, target, n_bins, tenant_id)
$$;
comment on function ml.calibration_curve is
    'Compare the probabilities of a class with the share of rows that are of it, by bins of equal width.';

create function ml.lift_curve(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    target pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (threshold pg_catalog.float8, share pg_catalog.float8, gain pg_catalog.float8, lift pg_catalog.float8)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import lift_curve
return lift_curve(model_id, input_data, args[2], version, target, tenant_id)
$$;
comment on function ml.lift_curve is
    'Return how much of a class is found among the rows of its highest probabilities.';

create function ml.thresholds(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    costs pg_catalog.jsonb default '{"fp": 1, "fn": 1}',
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    target pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (
        threshold pg_catalog.float8, cost pg_catalog.float8, tp bigint, fp bigint, fn bigint, tn bigint, best boolean
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import thresholds
return thresholds(model_id, input_data, costs, args[3], version, target, tenant_id)
$$;
comment on function ml.thresholds is
    'Return what each threshold on the probability of a class costs on rows, with the best one marked.';

create function ml.compare(
    model_id pg_catalog.text,
    versions pg_catalog.text[],
    input_data pg_catalog.text,
    metric pg_catalog.text default null,
    target pg_catalog.text default null,
    confidence pg_catalog.float8 default 0.95,
    tenant_id pg_catalog.text default null
) returns table (
        version pg_catalog.text, metric_name pg_catalog.text, value pg_catalog.float8, difference pg_catalog.float8,
        lower pg_catalog.float8, upper pg_catalog.float8, p pg_catalog.float8, rows bigint
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import compare
return compare(model_id, versions, input_data, metric, target, confidence, tenant_id)
$$;
comment on function ml.compare is
    'Score versions of a model on the same rows, and tell their differences to the first from chance.';

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
