create function ml._stat_models(
    out tenant_id text, out model_id text, out version text, out calls bigint, out rows bigint, out errors bigint,
    out seconds float8
) returns setof record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import stat_models
return stat_models()
$$;
comment on function ml._stat_models is 'Internal: the rows of ml.stat_models.';
create view ml.stat_models as
select tenant_id, model_id, version, calls, rows, errors, seconds from ml._stat_models();
comment on view ml.stat_models is
    'Predictions of each model version since the server started: calls, rows, errors, seconds; all sessions together.';
