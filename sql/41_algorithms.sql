create function ml._algorithms(
    out algorithm text, out model_type text, out library text, out aliases text[], out hyperparameters jsonb,
    out streams boolean, out requires text, out available boolean
) returns setof record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import algorithms
return algorithms()
$$;
comment on function ml._algorithms is 'Internal: the rows of ml.algorithms.';
create view ml.algorithms as
select algorithm, model_type, library, aliases, hyperparameters, streams, requires, available from ml._algorithms();
comment on view ml.algorithms is 'Algorithms that ml.train accepts, with their hyperparameters, defaults and types.';
