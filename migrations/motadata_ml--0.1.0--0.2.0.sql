\echo Use "ALTER EXTENSION motadata_ml UPDATE" to load this file. \quit

-- A row may have no prediction: its group has no model.
create or replace function ml.predict_batch(
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

-- Rights given in an upgrade script would belong to the extension, and pg_dump would leave them out: after the update,
-- this function gives them.
create function ml.refresh_usage() returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import refresh_usage
return refresh_usage()
$$;
comment on function ml.refresh_usage is
    'Give every role that acts for a tenant the rights of the installed version, and return how many.';
revoke all on function ml.refresh_usage() from public;

-- Decided anew, for a database that pg_upgrade has brought to 17 or later. CREATE OR REPLACE keeps neither.
do $$
begin
    execute (
        select string_agg(
            format(
                'alter function %s parallel %s;', p.oid::regprocedure,
                case when current_setting('server_version_num')::integer >= 170000 then 'safe' else 'unsafe' end),
            ' ')
        from pg_proc p
        where p.pronamespace = 'ml'::regnamespace
            and p.proname in ('predict', 'predict_value', 'predict_label', 'predict_proba'));
end
$$;
