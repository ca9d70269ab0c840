\echo Use "ALTER EXTENSION motadata_ml UPDATE" to load this file. \quit

-- The scripts of the extension run with schema ml in their search path, and what else is there could stand in for
-- PostgreSQL's own: who prepares the schema would have code run with the rights of whoever installs or uses the
-- extension. So it has to belong to the installing role, or to a superuser, and to hold nothing else. Indexes and
-- statistics stand in for nothing.
do $$
declare
    owner pg_catalog.name;
    trusted pg_catalog.bool;
    foreign_objects pg_catalog.text;
begin
    select r.rolname, r.rolsuper or r.rolname operator(pg_catalog.=) current_user into strict owner, trusted
    from pg_catalog.pg_namespace n join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) n.nspowner
    where n.nspname operator(pg_catalog.=) 'ml';
    if not trusted then
        raise exception using
            errcode = '42501',
            message = pg_catalog.format('schema ml belongs to role %I, who could have prepared it', owner),
            hint = pg_catalog.format(
                'Look at what it holds; then drop it, or run: alter schema ml owner to %I', current_user);
    end if;
    select pg_catalog.string_agg(f.described, ', ' order by f.described) into foreign_objects
    from (
        select pg_catalog.concat(o.type, ' ', o.identity) as described
        from pg_catalog.pg_depend d, pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) o
        where d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
            and d.refobjid operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
            and d.deptype operator(pg_catalog.=) 'n'
            and d.classid operator(pg_catalog.<>) all (array[
                'pg_catalog.pg_extension', 'pg_catalog.pg_default_acl', 'pg_catalog.pg_statistic_ext'
            ]::pg_catalog.regclass[])
            and not exists (
                select from pg_catalog.pg_depend e
                join pg_catalog.pg_extension x on x.oid operator(pg_catalog.=) e.refobjid
                where e.classid operator(pg_catalog.=) d.classid and e.objid operator(pg_catalog.=) d.objid
                    and e.refclassid operator(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
                    and e.deptype operator(pg_catalog.=) 'e' and x.extname operator(pg_catalog.=) 'motadata_ml')
        limit 20
    ) as f;
    if foreign_objects is not null then
        raise exception using
            errcode = '55000',
            message = pg_catalog.format('schema ml holds what is not of extension motadata_ml: %s', foreign_objects),
            hint = 'Do not use these objects before you know what they do; drop them, or move them to another schema.';
    end if;
end
$$;

-- The same bodies, with every name qualified: what a caller's search path holds has no part in them.
create or replace function ml._array_header(element_type pg_catalog.oid, length integer) returns pg_catalog.bytea
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
select pg_catalog.decode('0100000000000000', 'hex')
    operator(pg_catalog.||) pg_catalog.set_byte(
        pg_catalog.set_byte(
            pg_catalog.decode('00000000', 'hex'), 0, element_type::integer operator(pg_catalog.&) 255),
        1, element_type::integer operator(pg_catalog.>>) 8)
    operator(pg_catalog.||) pg_catalog.set_byte(
        pg_catalog.set_byte(
            pg_catalog.set_byte(
                pg_catalog.set_byte(
                    pg_catalog.decode('00000000', 'hex'), 0, length operator(pg_catalog.&) 255),
                1, (length operator(pg_catalog.>>) 8) operator(pg_catalog.&) 255),
            2, (length operator(pg_catalog.>>) 16) operator(pg_catalog.&) 255),
        3, (length operator(pg_catalog.>>) 24) operator(pg_catalog.&) 255)
    operator(pg_catalog.||) pg_catalog.decode('01000000', 'hex')
$$;

create or replace function ml._float8_array(data pg_catalog.bytea) returns pg_catalog.float8[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when pg_catalog.length(data) operator(pg_catalog.<) 8 then '{}'::pg_catalog.float8[] else
    ml._as_float8_array(
        ml._array_header(701, pg_catalog.length(data) operator(pg_catalog./) 8)
        operator(pg_catalog.||) substring(
            data for pg_catalog.length(data) operator(pg_catalog./) 8 operator(pg_catalog.*) 8)) end
$$;

create or replace function ml._int4_array(data pg_catalog.bytea) returns pg_catalog.int4[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when pg_catalog.length(data) operator(pg_catalog.<) 4 then '{}'::pg_catalog.int4[] else
    ml._as_int4_array(
        ml._array_header(23, pg_catalog.length(data) operator(pg_catalog./) 4)
        operator(pg_catalog.||) substring(
            data for pg_catalog.length(data) operator(pg_catalog./) 4 operator(pg_catalog.*) 4)) end
$$;

create or replace function ml._open_cursor(query pg_catalog.text) returns pg_catalog.refcursor
    language plpgsql stable as $$
declare
    input pg_catalog.refcursor;
begin
    open input no scroll for execute query;
    return input;
end
$$;

create or replace function ml._close_cursor(cursor_name pg_catalog.text) returns pg_catalog.void
    language plpgsql volatile as $$
declare
    input pg_catalog.refcursor := cursor_name;
begin
    close input;
end
$$;

create or replace function ml.predict_batch(
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
                    pg_catalog.octet_length((p.chunk).vals) operator(pg_catalog./) 8) as rows
            from (select ml._predict_chunks($1, $2, $3, $4, $5) as chunk offset 0) as p
            offset 0
        ) as c
    ) as n
) as r
$$;

create or replace view ml.experiment_runs with (security_invoker = true) as
select r.tenant_id, r.id as run_id, r.experiment, r.name, r.status, r.started_at, r.ended_at, r.created_by, r.tags,
    coalesce((
        select pg_catalog.jsonb_object_agg(p.name, p.value)
        from ml.experiment_param p where p.run_id operator(pg_catalog.=) r.id), '{}') as params,
    coalesce((select pg_catalog.jsonb_object_agg(m.name, m.value) from (
        select distinct on (name) name, value from ml.experiment_metric
        where run_id operator(pg_catalog.=) r.id
            and value operator(pg_catalog.<>) all (array['NaN', 'Infinity', '-Infinity']::pg_catalog.float8[])
        order by name, step desc, id desc) as m), '{}') as metrics
from ml.experiment_run r;

comment on column ml.training_result.model_id is 'The model''s name.';
comment on column ml.training_result.status is 'completed, once the version is stored.';
comment on column ml.training_result.metrics is 'Scores on the rows held out, by name.';
comment on column ml.training_result.training_time is 'Seconds from the call to the stored version.';
comment on column ml.training_result.model_version is 'Number of the new version.';

-- What is new is granted by ml.refresh_usage alone.
revoke all on all tables in schema ml from public;
revoke all on all sequences in schema ml from public;
revoke all on all functions in schema ml from public;

-- Decided anew, for a database that pg_upgrade has brought to 17 or later. CREATE OR REPLACE keeps neither.
do $$
begin
    execute (
        select pg_catalog.string_agg(
            pg_catalog.format(
                'alter function %s parallel %s;', p.oid::pg_catalog.regprocedure,
                case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 operator(pg_catalog.>=) 170000
                    then 'safe' else 'unsafe' end),
            ' ')
        from pg_catalog.pg_proc p
        where p.pronamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
            and p.proname operator(pg_catalog.=) any
                (array['predict', 'predict_value', 'predict_label', 'predict_proba']::pg_catalog.name[]));
end
$$;
