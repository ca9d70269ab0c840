create function ml._cache_status(
    out version_id bigint, out model_id text, out version text, out runtime text, out bytes bigint, out hits bigint
) returns setof record
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import cache_status
return cache_status()
$$;
comment on function ml._cache_status is 'Internal: the rows of ml.cache_status.';
create view ml.cache_status as
select version_id, model_id, version, runtime, bytes, hits from ml._cache_status();
comment on view ml.cache_status is 'Models this session holds in memory.';

create function ml.cache_clear() returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import cache_clear
return cache_clear()
$$;
comment on function ml.cache_clear is 'Forget the models this session holds in memory, and return how many there were.';
