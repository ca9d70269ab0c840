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

create function ml._raise_failure() returns integer
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import raise_failure
return raise_failure()
$$;
comment on function ml._raise_failure() is 'Internal: raise what ended the chunks of ml.predict_batch.';

-- Arguments that come new make another function. Views that call predict_batch keep it, under a name of its own.
drop function ml._predict_chunks(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text);
alter function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) rename to _predict_batch;

create function ml._predict_chunks(
    model_id pg_catalog.text, input_data pg_catalog.text, id_column pg_catalog.text, version pg_catalog.text,
    tenant_id pg_catalog.text, chunk_rows integer default null, exact_ids boolean default false, out first bigint,
    out ids pg_catalog.text[], out labels pg_catalog.text[], out codes pg_catalog.bytea, out vals pg_catalog.bytea,
    out numbers pg_catalog.bytea, out width integer, out chances boolean
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_chunks
return predict_chunks(model_id, input_data, id_column, version, tenant_id, chunk_rows, exact_ids)
$$;
comment on function ml._predict_chunks is 'Internal: the predictions of ml.predict_batch, a chunk of rows at a time.';

-- Calls in the select list, not in FROM: a chunk is predicted when its rows are asked for, and kept nowhere. OFFSET 0
-- keeps each level apart: what belongs to a chunk is computed once, and the outermost keeps the chunk's arrays away from
-- a join or a sort of the caller's, which would copy them for each row.
create function ml._predict_rows(
    model_id pg_catalog.text, input_data pg_catalog.text, id_column pg_catalog.text, version pg_catalog.text,
    tenant_id pg_catalog.text, chunk_rows integer, exact_ids boolean
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
                    pg_catalog.octet_length((p.chunk).vals) operator(pg_catalog./) 8,
                    ml._raise_failure()) as rows
            from (select ml._predict_chunks($1, $2, $3, $4, $5, $6, $7) as chunk offset 0) as p
            offset 0
        ) as c
    ) as n
) as r
offset 0
$$;
comment on function ml._predict_rows is 'Internal: the rows of ml.predict_batch, however its ids are typed.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text default null,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $4, $6, $5, false) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

-- Views that were made before chunk_rows was an argument know the function by this name.
create or replace function ml._predict_batch(
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
select p.id, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $4, $5, null, false) as p
$$;
comment on function ml._predict_batch is 'Internal: ml.predict_batch as views of version 0.2.0 call it.';

-- The same with ids of a type, named by a value of it: id_type => null::bigint. One function a type: the columns of a
-- polymorphic one have a type only where all arguments come in their order. The one of text takes varchar, so that a
-- fourth argument without a type stays the version.
create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type smallint,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id smallint, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::smallint, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, smallint, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type integer,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id integer, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::integer, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, integer, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type bigint,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id bigint, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::bigint, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, bigint, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.numeric,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.numeric, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.numeric, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.numeric, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.varchar,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.text, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.varchar, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.uuid,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.uuid, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.uuid, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.uuid, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.date,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.date, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.date, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.date, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.timestamp,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.timestamp, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.timestamp, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamp, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text,
    id_type pg_catalog.timestamptz,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.timestamptz, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id::pg_catalog.timestamptz, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $5, $7, $6, true) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

-- Five texts in a row are what version 0.2.0 took, the tenant last. Without names, so that no call by names finds it.
create function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[]
)
    language sql stable parallel unsafe rows 100000 as $$
select p.id, p.prediction, p.value, p.confidence, p.probabilities
from ml._predict_rows($1, $2, $3, $4, $5, null, false) as p
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

drop function ml.predict_into(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text);
create function ml.predict_into(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    target_table pg_catalog.text,
    id_column pg_catalog.text default null,
    version pg_catalog.text default null,
    keep pg_catalog.text[] default null,
    mode pg_catalog.text default 'append',
    level pg_catalog.float8 default null,
    tenant_id pg_catalog.text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_into
return predict_into(model_id, input_data, target_table, id_column, version, keep, mode, level, tenant_id)
$$;
comment on function ml.predict_into is
    'Write the predictions of every row to a new or an existing table, and return how many.';

-- What each column holds.
comment on column ml.training_result.model_id is 'The model''s name.';
comment on column ml.training_result.status is 'completed, once the version is stored.';
comment on column ml.training_result.metrics is 'Scores on the rows held out, by name.';
comment on column ml.training_result.training_time is 'Seconds from the call to the stored version.';
comment on column ml.training_result.model_version is 'Number of the new version.';
comment on sequence ml.model_seq is 'Numbers of ml.model.id.';
comment on sequence ml.model_version_seq is 'Numbers of ml.model_version.id.';
comment on sequence ml.deployment_seq is 'Numbers of ml.deployment.id.';
comment on sequence ml.trial_seq is 'Numbers of ml.trial.id.';
comment on sequence ml.schedule_seq is 'Numbers of ml.schedule.id.';
comment on sequence ml.schedule_run_seq is 'Numbers of ml.schedule_run.id.';
comment on sequence ml.api_key_seq is 'Numbers of ml.api_key.id.';
comment on sequence ml.experiment_run_seq is 'Numbers of ml.experiment_run.id.';
comment on sequence ml.experiment_metric_seq is 'Numbers of ml.experiment_metric.id.';
comment on column ml.tenant.tenant_id is 'The tenant''s name, 1 to 200 characters.';
comment on column ml.tenant.created_at is 'When its first row was made.';
comment on column ml.tenant_role.tenant_id is 'The tenant that the role may act for.';
comment on column ml.tenant_role.role is 'The role.';
comment on column ml.tenant_role.admin is 'Whether it may grant the tenant to others, and make API keys.';
comment on column ml.tenant_role.granted_at is 'When ml.grant_usage was first called for the pair.';
comment on column ml.model.id is 'Key of the model.';
comment on column ml.model.tenant_id is 'The tenant that owns it.';
comment on column ml.model.model_id is 'The model''s name, unique within its tenant.';
comment on column ml.model.model_type is
    'classification, regression, clustering, anomaly or decomposition; that of the deployed version.';
comment on column ml.model.deployed_version_id is 'Key of the version that predicts; NULL where none is deployed.';
comment on column ml.model.created_at is 'When the first version was trained.';
comment on column ml.model.created_by is 'The role that trained it.';
comment on column ml.model_version.id is 'Key of the version.';
comment on column ml.model_version.model is 'Key of its model.';
comment on column ml.model_version.tenant_id is 'The tenant that owns it.';
comment on column ml.model_version.version is 'Number of the version, such as 1.0.0.';
comment on column ml.model_version.model_type is 'classification, regression, clustering, anomaly or decomposition.';
comment on column ml.model_version.algorithm is 'Name of the estimator''s class.';
comment on column ml.model_version.hyperparameters is 'All of the estimator''s hyperparameters, defaults too.';
comment on column ml.model_version.features is 'The features in their order, each with its kind and how it is encoded.';
comment on column ml.model_version.target is 'The column to predict; NULL where there is none.';
comment on column ml.model_version.target_type is 'SQL type of the target.';
comment on column ml.model_version.label_type is 'integer, number, boolean or text: what a classifier''s labels come back as.';
comment on column ml.model_version.classes is 'The labels of a classifier, as text, in the order of its probabilities.';
comment on column ml.model_version.metrics is 'Scores on the rows held out, by name.';
comment on column ml.model_version.training_rows is 'Rows with a target: those learned from and those held out.';
comment on column ml.model_version.dropped_rows is 'Rows left out because their target was NULL.';
comment on column ml.model_version.training_query is 'The table or the query that was trained on.';
comment on column ml.model_version.source_tables is
    'Tables and views that the training query read, with their schemas.';
comment on column ml.model_version.data_fingerprint is
    'SHA-256 of the rows as the worker got them: equal rows, equal fingerprint.';
comment on column ml.model_version.random_state is 'Seed of the training; NULL for none.';
comment on column ml.model_version.runtime is
    'What predicts: its name, why it was taken, and how far it was from scikit-learn on how many rows.';
comment on column ml.model_version.warnings is 'What the libraries warned of during the training.';
comment on column ml.model_version.library_versions is 'Versions of the libraries that it was trained with.';
comment on column ml.model_version.digest is 'SHA-256 over the digests of all its artifacts.';
comment on column ml.model_version.trained_by is 'The role that trained it.';
comment on column ml.model_version.trained_at is 'When it was stored.';
comment on column ml.model_version.training_time is 'Seconds from the call to the stored version.';
comment on column ml.model_version.arguments is
    'What another training like this one needs; NULL for versions of 0.1.0.';
comment on column ml.artifact.version_id is 'Key of the version.';
comment on column ml.artifact.kind is 'plan, profile, skops, linear, onnx, trees or grouped.';
comment on column ml.artifact.chunk is 'Number of the chunk, from 0; each has 16 MB at the most.';
comment on column ml.artifact.digest is 'SHA-256 of the whole artifact.';
comment on column ml.artifact.data is 'The bytes of the chunk.';
comment on column ml.deployment.id is 'Key of the deployment; a later one has a higher number.';
comment on column ml.deployment.model is 'Key of the model.';
comment on column ml.deployment.tenant_id is 'The tenant that owns it.';
comment on column ml.deployment.version_id is 'Key of the version that was deployed.';
comment on column ml.deployment.deployed_by is 'The role that deployed it.';
comment on column ml.deployment.deployed_at is 'When it was deployed.';
comment on column ml.deployment.rolled_back_at is 'When ml.rollback took it back; NULL where it did not.';
comment on column ml.trial.id is 'Key of the trial.';
comment on column ml.trial.version_id is 'Key of the version that the search led to.';
comment on column ml.trial.tenant_id is 'The tenant that owns it.';
comment on column ml.trial.number is 'Number of the trial in its search, from 1.';
comment on column ml.trial.hyperparameters is 'The hyperparameters that were tried.';
comment on column ml.trial.score is 'Mean score over the folds, higher is better; NULL where the fit failed.';
comment on column ml.trial.details is 'Standard deviation over the folds, rank and seconds.';
comment on column ml.option.name is 'The option''s name.';
comment on column ml.option.value is 'Its value, as text.';
comment on column ml.option.set_by is 'The role that set it.';
comment on column ml.option.set_at is 'When it was set.';
comment on column ml.algorithms.algorithm is 'Name of the estimator''s class, as ml.train takes it.';
comment on column ml.algorithms.model_type is 'The model type it is for; NULL where it cannot be trained here.';
comment on column ml.algorithms.library is 'The library it comes from.';
comment on column ml.algorithms.aliases is 'Short names for it.';
comment on column ml.algorithms.hyperparameters is 'Its hyperparameters, each with default, type and range.';
comment on column ml.algorithms.streams is 'Whether it learns a chunk at a time, with mode stream.';
comment on column ml.algorithms.requires is 'What has to be installed beside scikit-learn; NULL for nothing.';
comment on column ml.algorithms.available is 'Whether it can be trained here.';
comment on column ml.training_progress.tenant_id is 'The tenant that owns it.';
comment on column ml.training_progress.model_id is 'The model''s name.';
comment on column ml.training_progress.model_type is 'Its model type.';
comment on column ml.training_progress.algorithm is 'Name of the estimator''s class.';
comment on column ml.training_progress.pid is 'Process of the session that trains: pg_cancel_backend(pid) ends it.';
comment on column ml.training_progress.started_at is 'When it began.';
comment on column ml.training_progress.step is 'What it does now, such as read, fit or compile.';
comment on column ml.training_progress.fraction is 'Share of the work that is done, 0 to 1.';
comment on column ml.training_progress.rows is 'Rows read.';
comment on column ml.training_progress.seconds is 'Seconds since it began.';
comment on column ml.training_progress.seconds_left is
    'Seconds that it may still take; NULL where nothing is known yet.';
comment on column ml.models.tenant_id is 'The tenant that owns it.';
comment on column ml.models.model_id is 'The model''s name.';
comment on column ml.models.model_type is
    'classification, regression, clustering, anomaly or decomposition; that of the deployed version.';
comment on column ml.models.deployed_version is 'Number of the version that predicts; NULL where none is deployed.';
comment on column ml.models.algorithm is 'Name of the deployed version''s estimator.';
comment on column ml.models.target is 'The column that it predicts.';
comment on column ml.models.metrics is 'Its scores on the rows held out, by name.';
comment on column ml.models.training_rows is 'Rows with a target: those learned from and those held out.';
comment on column ml.models.trained_at is 'When the deployed version was stored.';
comment on column ml.models.trained_by is 'The role that trained it.';
comment on column ml.models.versions is 'How many versions there are.';
comment on column ml.models.created_at is 'When the first version was trained.';
comment on column ml.model_versions.tenant_id is 'The tenant that owns it.';
comment on column ml.model_versions.model_id is 'The model''s name.';
comment on column ml.model_versions.version is 'Number of the version, such as 1.0.0.';
comment on column ml.model_versions.deployed is 'Whether it is the one that predicts.';
comment on column ml.model_versions.model_type is 'classification, regression, clustering, anomaly or decomposition.';
comment on column ml.model_versions.algorithm is 'Name of the estimator''s class.';
comment on column ml.model_versions.hyperparameters is 'All of the estimator''s hyperparameters, defaults too.';
comment on column ml.model_versions.target is 'The column to predict; NULL where there is none.';
comment on column ml.model_versions.classes is
    'The labels of a classifier, as text, in the order of its probabilities.';
comment on column ml.model_versions.metrics is 'Scores on the rows held out, by name.';
comment on column ml.model_versions.training_rows is 'Rows with a target: those learned from and those held out.';
comment on column ml.model_versions.dropped_rows is 'Rows left out because their target was NULL.';
comment on column ml.model_versions.source_tables is
    'Tables and views that the training query read, with their schemas.';
comment on column ml.model_versions.random_state is 'Seed of the training; NULL for none.';
comment on column ml.model_versions.runtime is 'Name of what predicts: linear, onnx, sklearn or grouped.';
comment on column ml.model_versions.warnings is 'What the libraries warned of during the training.';
comment on column ml.model_versions.library_versions is 'Versions of the libraries that it was trained with.';
comment on column ml.model_versions.trained_by is 'The role that trained it.';
comment on column ml.model_versions.trained_at is 'When it was stored.';
comment on column ml.model_versions.training_time is 'Seconds from the call to the stored version.';
comment on column ml.trials.tenant_id is 'The tenant that owns it.';
comment on column ml.trials.model_id is 'The model''s name.';
comment on column ml.trials.version is 'Number of the version that the search led to.';
comment on column ml.trials.number is 'Number of the trial in its search, from 1.';
comment on column ml.trials.hyperparameters is 'The hyperparameters that were tried.';
comment on column ml.trials.score is 'Mean score over the folds, higher is better; NULL where the fit failed.';
comment on column ml.trials.details is 'Rank, standard deviation over the folds, and why a fit failed.';
comment on column ml.schedule.id is 'Key of the schedule.';
comment on column ml.schedule.model is 'Key of the model.';
comment on column ml.schedule.tenant_id is 'The tenant that owns it.';
comment on column ml.schedule.cron is 'When it runs, as pg_cron takes it.';
comment on column ml.schedule.job_id is 'Number of the job of pg_cron.';
comment on column ml.schedule.metric is 'The score that decides which version is deployed.';
comment on column ml.schedule.min_improvement is 'By how much a new version has to be better.';
comment on column ml.schedule.max_age is 'Trains if the newest version is older; NULL looks at no age.';
comment on column ml.schedule.max_drift is 'Trains if a feature''s drift passes it; NULL looks at no drift.';
comment on column ml.schedule.search_path is 'The search path that the training query is read with.';
comment on column ml.schedule.role is 'The role that scheduled it, with whose rights it runs.';
comment on column ml.schedule.arguments is 'How the model is trained: that of the version that was deployed.';
comment on column ml.schedule.created_at is 'When it was scheduled.';
comment on column ml.schedule_run.id is 'Key of the run.';
comment on column ml.schedule_run.model is 'Key of the model.';
comment on column ml.schedule_run.tenant_id is 'The tenant that owns it.';
comment on column ml.schedule_run.started_at is 'When the run began.';
comment on column ml.schedule_run.finished_at is 'When it ended.';
comment on column ml.schedule_run.outcome is 'skipped, deployed, kept or failed.';
comment on column ml.schedule_run.reason is 'Why, in words.';
comment on column ml.schedule_run.drift is 'The largest drift of a feature; NULL where it was not looked for.';
comment on column ml.schedule_run.metric is 'The score that decided.';
comment on column ml.schedule_run.old_version is 'The version that was deployed before.';
comment on column ml.schedule_run.old_value is 'Its score on the rows held out.';
comment on column ml.schedule_run.new_version is 'The version that was trained; NULL where none was.';
comment on column ml.schedule_run.new_value is 'Its score on the same rows.';
comment on column ml.schedule_run.role is 'The role with whose rights it ran.';
comment on column ml.schedules.tenant_id is 'The tenant that owns it.';
comment on column ml.schedules.model_id is 'The model''s name.';
comment on column ml.schedules.cron is 'When it runs, as pg_cron takes it.';
comment on column ml.schedules.metric is 'The score that decides which version is deployed.';
comment on column ml.schedules.min_improvement is 'By how much a new version has to be better.';
comment on column ml.schedules.max_age is 'Trains if the newest version is older; NULL looks at no age.';
comment on column ml.schedules.max_drift is 'Trains if a feature''s drift passes it; NULL looks at no drift.';
comment on column ml.schedules.role is 'The role that scheduled it, with whose rights it runs.';
comment on column ml.schedules.job_id is 'Number of the job of pg_cron.';
comment on column ml.schedules.created_at is 'When it was scheduled.';
comment on column ml.schedules.last_run_at is 'When the last run ended; NULL before the first.';
comment on column ml.schedules.last_outcome is 'What came of it.';
comment on column ml.schedule_history.tenant_id is 'The tenant that owns it.';
comment on column ml.schedule_history.model_id is 'The model''s name.';
comment on column ml.schedule_history.started_at is 'When the run began.';
comment on column ml.schedule_history.finished_at is 'When it ended.';
comment on column ml.schedule_history.outcome is 'skipped, deployed, kept or failed.';
comment on column ml.schedule_history.reason is 'Why, in words.';
comment on column ml.schedule_history.drift is 'The largest drift of a feature; NULL where it was not looked for.';
comment on column ml.schedule_history.metric is 'The score that decided.';
comment on column ml.schedule_history.old_version is 'The version that was deployed before.';
comment on column ml.schedule_history.old_value is 'Its score on the rows held out.';
comment on column ml.schedule_history.new_version is 'The version that was trained; NULL where none was.';
comment on column ml.schedule_history.new_value is 'Its score on the same rows.';
comment on column ml.schedule_history.role is 'The role with whose rights it ran.';
comment on column ml.api_key.id is 'Key of the row, by which a key is revoked.';
comment on column ml.api_key.tenant_id is 'The tenant that the key speaks for.';
comment on column ml.api_key.name is 'What its maker calls it.';
comment on column ml.api_key.digest is 'SHA-256 of the key.';
comment on column ml.api_key.created_at is 'When it was made.';
comment on column ml.api_key.created_by is 'The role that made it.';
comment on column ml.api_key.expires_at is 'When it stops to count; NULL for never.';
comment on column ml.api_key.revoked_at is 'When it was revoked; NULL where it was not.';
comment on column ml.experiment_run.id is 'Key of the run.';
comment on column ml.experiment_run.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_run.experiment is 'Name of the experiment.';
comment on column ml.experiment_run.name is 'Name of the run; NULL for none.';
comment on column ml.experiment_run.status is 'running, finished or failed.';
comment on column ml.experiment_run.tags is 'What the client noted, by name.';
comment on column ml.experiment_run.started_at is 'When it began.';
comment on column ml.experiment_run.ended_at is 'When it ended; NULL while it runs.';
comment on column ml.experiment_run.created_by is 'The role that began it.';
comment on column ml.experiment_param.run_id is 'Key of the run.';
comment on column ml.experiment_param.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_param.name is 'Name of the parameter.';
comment on column ml.experiment_param.value is 'Its value.';
comment on column ml.experiment_metric.id is 'Key of the value; a later one has a higher number.';
comment on column ml.experiment_metric.run_id is 'Key of the run.';
comment on column ml.experiment_metric.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_metric.name is 'Name of the metric.';
comment on column ml.experiment_metric.value is 'Its value.';
comment on column ml.experiment_metric.step is 'The step that it was logged in.';
comment on column ml.experiment_metric.logged_at is 'When it was logged.';
comment on column ml.experiment_runs.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_runs.run_id is 'Key of the run.';
comment on column ml.experiment_runs.experiment is 'Name of the experiment.';
comment on column ml.experiment_runs.name is 'Name of the run; NULL for none.';
comment on column ml.experiment_runs.status is 'running, finished or failed.';
comment on column ml.experiment_runs.started_at is 'When it began.';
comment on column ml.experiment_runs.ended_at is 'When it ended; NULL while it runs.';
comment on column ml.experiment_runs.created_by is 'The role that began it.';
comment on column ml.experiment_runs.tags is 'What the client noted, by name.';
comment on column ml.experiment_runs.params is 'Its parameters, by name.';
comment on column ml.experiment_runs.metrics is 'The latest finite value of each metric, by name.';
comment on column ml.quota.tenant_id is 'The tenant.';
comment on column ml.quota.max_models is 'The most models; NULL is no limit.';
comment on column ml.quota.max_bytes is 'The most bytes of all that it stores; NULL is no limit.';
comment on column ml.quota.max_training_seconds_per_day is
    'The most seconds of training a day in UTC; NULL is no limit.';
comment on column ml.quota.set_by is 'The role that set the limits.';
comment on column ml.quota.set_at is 'When they were set.';
comment on column ml.quota.checked_at is 'When a training was last held against them.';
comment on column ml.stat_models.tenant_id is 'The tenant that owns it.';
comment on column ml.stat_models.model_id is 'The model''s name.';
comment on column ml.stat_models.version is 'Number of the version.';
comment on column ml.stat_models.calls is 'Calls that predicted.';
comment on column ml.stat_models.rows is 'Rows predicted.';
comment on column ml.stat_models.errors is 'Calls that ended with an error.';
comment on column ml.stat_models.seconds is 'Seconds spent in these calls.';
comment on column ml.tenant_sizes.tenant_id is 'The tenant.';
comment on column ml.tenant_sizes.models is 'Models it has.';
comment on column ml.tenant_sizes.versions is 'Versions of them.';
comment on column ml.tenant_sizes.bytes is
    'Bytes of all that it stores: models, what describes them, experiments, schedules, API keys.';
comment on column ml.tenant_sizes.training_seconds is 'Seconds that the versions stored took to train.';
comment on column ml.tenant_sizes.training_seconds_today is
    'Seconds of training on the present day in UTC, failed ones too.';
comment on column ml.tenant_sizes.max_models is 'The most models; NULL is no limit.';
comment on column ml.tenant_sizes.max_bytes is 'The most bytes of all that it stores; NULL is no limit.';
comment on column ml.tenant_sizes.max_training_seconds_per_day is
    'The most seconds of training a day in UTC; NULL is no limit.';
comment on column ml.options.name is 'The option''s name.';
comment on column ml.options.value is 'Its present value, as text.';
comment on column ml.options.default_value is 'Its value where nobody has set it.';
comment on column ml.options.description is 'What it does.';
comment on column ml.cache_status.version_id is 'Key of the version.';
comment on column ml.cache_status.model_id is 'The model''s name.';
comment on column ml.cache_status.version is 'Number of the version.';
comment on column ml.cache_status.runtime is 'Name of what predicts: linear, onnx, sklearn or grouped.';
comment on column ml.cache_status.bytes is 'Bytes it takes in memory, about.';
comment on column ml.cache_status.hits is 'How often it was found in the cache.';

-- Keys of the serving process: a scope for each, and writes through functions alone. A key of 0.2.0 could read
-- descriptions, and goes on doing so.
alter table ml.api_key add column scope pg_catalog.text not null default 'read'
    constraint api_key_scope check (scope operator(pg_catalog.=) any (array['predict', 'read', 'admin']));
comment on column ml.api_key.scope is
    'predict: predictions alone; read: the descriptions of models as well; admin: deploy and roll back as well.';
drop policy own_tenants on ml.api_key;
drop policy administrators_insert on ml.api_key;
drop policy administrators_update on ml.api_key;

create function ml.create_api_key(
    name pg_catalog.text,
    scope pg_catalog.text default 'predict',
    expires_at pg_catalog.timestamptz default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import create_api_key
return create_api_key(name, scope, expires_at, tenant_id)
$$;
comment on function ml.create_api_key is
    'Make an API key of a tenant for the serving process and return it: it cannot be shown again.';

create function ml.revoke_api_key(key_id bigint, tenant_id pg_catalog.text default null) returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import revoke_api_key
return revoke_api_key(key_id, tenant_id)
$$;
comment on function ml.revoke_api_key is 'Revoke an API key of a tenant at once, and return whether there was one.';

create function ml._api_keys(
    out tenant_id pg_catalog.text, out id bigint, out name pg_catalog.text, out scope pg_catalog.text,
    out created_at pg_catalog.timestamptz, out created_by pg_catalog.name, out expires_at pg_catalog.timestamptz,
    out revoked_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import api_keys
return api_keys()
$$;
comment on function ml._api_keys is 'Internal: the rows of ml.api_keys.';
create view ml.api_keys as
select tenant_id, id, name, scope, created_at, created_by, expires_at, revoked_at from ml._api_keys();
comment on view ml.api_keys is
    'API keys of the tenants that the caller may act for, without the keys and their digests.';
comment on column ml.api_keys.tenant_id is 'The tenant that the key speaks for.';
comment on column ml.api_keys.id is 'Key of the row, by which a key is revoked.';
comment on column ml.api_keys.name is 'What its maker calls it.';
comment on column ml.api_keys.scope is
    'predict: predictions alone; read: the descriptions of models as well; admin: deploy and roll back as well.';
comment on column ml.api_keys.created_at is 'When it was made.';
comment on column ml.api_keys.created_by is 'The role that made it.';
comment on column ml.api_keys.expires_at is 'When it stops to count; NULL for never.';
comment on column ml.api_keys.revoked_at is 'When it was revoked; NULL where it was not.';

-- What the serving process calls. The digest of a key stands for the key, so who knows one learns no more than its
-- holder does; the role that asks has to act for the key's tenant itself, whatever rights it has over rows.
create function ml._api_key(
    key_digest pg_catalog.bytea, caller pg_catalog.oid, out tenant_id pg_catalog.text, out scope pg_catalog.text
) returns setof pg_catalog.record
    language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- plpgsql, because it keeps the plan: a function in SQL would be planned with every request
    return query
    select k.tenant_id, k.scope from ml.api_key k
    where k.digest operator(pg_catalog.=) key_digest and k.revoked_at is null
        and (k.expires_at is null or k.expires_at operator(pg_catalog.>) pg_catalog.statement_timestamp())
        and (
            exists (select from pg_catalog.pg_roles r where r.oid operator(pg_catalog.=) caller and r.rolsuper)
            or exists (
                select from ml.tenant_role r
                where r.tenant_id operator(pg_catalog.=) k.tenant_id
                    and pg_catalog.pg_has_role(caller, r.role::pg_catalog.oid, 'usage')));
end
$$;
comment on function ml._api_key(pg_catalog.bytea, pg_catalog.oid) is
    'Internal: tenant and scope of an API key that counts, where a role may act for that tenant.';

create function ml._serve_requests(
    key_digest pg_catalog.bytea, model_id pg_catalog.text, inputs pg_catalog.text[], version pg_catalog.text,
    tenant pg_catalog.text, out tenant_id pg_catalog.text, out scope pg_catalog.text, out answers pg_catalog.text[],
    out errors pg_catalog.text[]
)
    language plpython3u stable parallel unsafe as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import serve_requests
    SD["entry"] = serve_requests
return SD["entry"](key_digest, model_id, inputs, version, tenant)
$$;
comment on function ml._serve_requests is
    'Internal: answer requests of one API key for one model, each with its own answer or error.';

create function ml._serve_rows(
    key_digest pg_catalog.bytea, model_id pg_catalog.text, input pg_catalog.text, version pg_catalog.text,
    tenant pg_catalog.text, out tenant_id pg_catalog.text, out scope pg_catalog.text, out answer pg_catalog.text
)
    language plpython3u stable parallel unsafe as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import serve_rows
    SD["entry"] = serve_rows
return SD["entry"](key_digest, model_id, input, version, tenant)
$$;
comment on function ml._serve_rows is 'Internal: answer one request of an API key for many rows.';

create function ml._warm_models(most integer) returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import warm_models
return warm_models(most)
$$;
comment on function ml._warm_models is
    'Internal: load the models that were asked for most often, and return how many.';

-- Who held rights on the table gets the functions in their place, at once: serving processes go on.
do $$
declare
    held record;
begin
    for held in
        select distinct r.rolname as name
        from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a, pg_catalog.pg_roles r
        where c.oid operator(pg_catalog.=) 'ml.api_key'::pg_catalog.regclass
            and r.oid operator(pg_catalog.=) a.grantee and a.grantee operator(pg_catalog.<>) c.relowner
    loop
        execute pg_catalog.format('revoke all on ml.api_key from %I', held.name);
        execute pg_catalog.format('revoke all on sequence ml.api_key_seq from %I', held.name);
        execute pg_catalog.format('grant select on ml.api_keys to %I', held.name);
        execute pg_catalog.format(
            'grant execute on function ml.create_api_key, ml.revoke_api_key, ml._api_keys, ml._api_key, '
            'ml._serve_requests, ml._serve_rows, ml._warm_models to %I', held.name);
    end loop;
end
$$;

-- No role of a tenant has a right on a table or a sequence: what 0.2.0 granted is taken back at once. Functions and views
-- that are new to a role are granted by ml.refresh_usage().
do $$
declare
    held pg_catalog.record;
begin
    for held in
        select distinct
            case when c.relkind operator(pg_catalog.=) 'S' then 'sequence' else 'table' end as kind, c.relname, r.rolname
        from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a, ml.tenant_role t, pg_catalog.pg_roles r
        where c.relnamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
            and c.relkind operator(pg_catalog.=) any (array['r', 'S']::pg_catalog."char"[])
            and t.role::pg_catalog.oid operator(pg_catalog.=) a.grantee and r.oid operator(pg_catalog.=) a.grantee
            and a.grantee operator(pg_catalog.<>) c.relowner
    loop
        execute pg_catalog.format('revoke all on %s ml.%I from %I', held.kind, held.relname, held.rolname);
    end loop;
end
$$;

-- Row security without a policy: nobody reads or writes the tables but the owner.
drop policy own_roles on ml.tenant_role;
drop policy own_tenants on ml.tenant;
drop policy own_tenants on ml.model;
drop policy own_tenants on ml.model_version;
drop policy own_tenants on ml.deployment;
drop policy own_tenants on ml.trial;
drop policy own_tenants on ml.schedule;
drop policy own_tenants on ml.schedule_run;
drop policy own_tenants on ml.experiment_run;
drop policy own_tenants on ml.experiment_param;
drop policy own_tenants on ml.experiment_metric;
drop policy own_tenants on ml.quota;
alter table ml.option enable row level security;

-- Roles that may only predict, and models shared with roles of other tenants.
alter table ml.tenant_role add column predict_only boolean not null default false;
alter table ml.tenant_role add constraint tenant_role_access check (not (admin and predict_only));
comment on column ml.tenant_role.predict_only is 'Whether it may predict and do nothing else.';

create table ml.model_grant (
    model bigint not null references ml.model on delete cascade,
    role pg_catalog.regrole not null,
    granted_by pg_catalog.name not null,
    granted_at pg_catalog.timestamptz not null default pg_catalog.now(),
    primary key (model, role)
);
create index model_grant_by_role on ml.model_grant (role, model);
comment on table ml.model_grant is
    'Which roles may predict with a model without acting for its tenant; written by ml.grant_model and ml.revoke_model.';
comment on column ml.model_grant.model is 'Key of the model.';
comment on column ml.model_grant.role is 'The role.';
comment on column ml.model_grant.granted_by is 'The role that granted it.';
comment on column ml.model_grant.granted_at is 'When ml.grant_model was first called for the pair.';

alter table ml.model_grant enable row level security;
select pg_catalog.pg_extension_config_dump('ml.model_grant',
    'where exists (select from pg_catalog.pg_roles r where r.oid = role)');

-- The views answer through functions, which act as the owner and filter by membership before a caller's condition
-- sees a row.
create function ml._models(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out model_type pg_catalog.text,
    out deployed_version pg_catalog.text, out algorithm pg_catalog.text, out target pg_catalog.text,
    out metrics pg_catalog.jsonb, out training_rows bigint, out trained_at pg_catalog.timestamptz,
    out trained_by pg_catalog.name, out versions bigint, out created_at pg_catalog.timestamptz,
    out access pg_catalog.text, out granted_to pg_catalog.name[]
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import model_rows
return model_rows()
$$;
comment on function ml._models is 'Internal: the rows of ml.models.';
create or replace view ml.models as
select tenant_id, model_id, model_type, deployed_version, algorithm, target, metrics, training_rows, trained_at,
    trained_by, versions, created_at, access, granted_to
from ml._models();
comment on column ml.models.access is
    'What the caller may do with it: admin, train (use and manage it) or predict; a model that is shared is for predict.';
comment on column ml.models.granted_to is
    'Roles it is shared with by ml.grant_model; NULL for none, and for who may only predict.';

create function ml._model_versions(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out version pg_catalog.text, out deployed boolean,
    out model_type pg_catalog.text, out algorithm pg_catalog.text, out hyperparameters pg_catalog.jsonb,
    out target pg_catalog.text, out classes pg_catalog.text[], out metrics pg_catalog.jsonb, out training_rows bigint,
    out dropped_rows bigint, out source_tables pg_catalog.text[], out random_state integer,
    out runtime pg_catalog.text, out warnings pg_catalog.text[], out library_versions pg_catalog.jsonb,
    out trained_by pg_catalog.name, out trained_at pg_catalog.timestamptz, out training_time pg_catalog.float8
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import model_version_rows
return model_version_rows()
$$;
comment on function ml._model_versions is 'Internal: the rows of ml.model_versions.';
create or replace view ml.model_versions as
select tenant_id, model_id, version, deployed, model_type, algorithm, hyperparameters, target, classes, metrics,
    training_rows, dropped_rows, source_tables, random_state, runtime, warnings, library_versions, trained_by,
    trained_at, training_time
from ml._model_versions();

create function ml._algorithm_rows(
    out algorithm pg_catalog.text, out model_type pg_catalog.text, out library pg_catalog.text,
    out aliases pg_catalog.text[], out hyperparameters pg_catalog.jsonb, out streams boolean,
    out requires pg_catalog.text, out available boolean, out description pg_catalog.text,
    out good_for pg_catalog.text, out compiled boolean, out explained pg_catalog.text
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import algorithms
return algorithms()
$$;
comment on function ml._algorithm_rows is 'Internal: the rows of ml.algorithms.';
create or replace view ml.algorithms as
select algorithm, model_type, library, aliases, hyperparameters, streams, requires, available, description, good_for,
    compiled, explained
from ml._algorithm_rows();
drop function ml._algorithms();
comment on column ml.algorithms.description is
    'What it is, in a sentence; of what cannot be trained here, why.';
comment on column ml.algorithms.good_for is 'The tables that it suits.';
comment on column ml.algorithms.compiled is
    'Whether sessions predict its models without scikit-learn, at its defaults.';
comment on column ml.algorithms.explained is
    'How ml.explain computes what each feature adds: exact or sampled; NULL where it does not.';

create function ml._trials(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out version pg_catalog.text, out number integer,
    out hyperparameters pg_catalog.jsonb, out score pg_catalog.float8, out details pg_catalog.jsonb
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import trial_rows
return trial_rows()
$$;
comment on function ml._trials is 'Internal: the rows of ml.trials.';
create or replace view ml.trials as
select tenant_id, model_id, version, number, hyperparameters, score, details,
    (details operator(pg_catalog.->>) 'algorithm') as algorithm,
    (details operator(pg_catalog.->>) 'seconds')::pg_catalog.float8 as seconds,
    (details operator(pg_catalog.->>) 'folds')::integer as folds
from ml._trials();
comment on column ml.trials.algorithm is 'The estimator that was tried; NULL of versions before 0.3.0.';
comment on column ml.trials.seconds is 'Seconds of one fit; of algorithm => ''best'' those of all its folds.';
comment on column ml.trials.folds is 'Folds that it was scored on; NULL of versions before 0.3.0.';

create function ml._deployments(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out version pg_catalog.text,
    out deployed_by pg_catalog.name, out deployed_at pg_catalog.timestamptz, out rolled_back_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import deployment_rows
return deployment_rows()
$$;
comment on function ml._deployments is 'Internal: the rows of ml.deployments.';
create view ml.deployments as
select tenant_id, model_id, version, deployed_by, deployed_at, rolled_back_at
from ml._deployments();
comment on view ml.deployments is 'History of deployments of the models the caller may use.';
comment on column ml.deployments.tenant_id is 'The tenant that owns it.';
comment on column ml.deployments.model_id is 'The model''s name.';
comment on column ml.deployments.version is 'Number of the version that was deployed.';
comment on column ml.deployments.deployed_by is 'The role that deployed it.';
comment on column ml.deployments.deployed_at is 'When it was deployed.';
comment on column ml.deployments.rolled_back_at is 'When ml.rollback took it back; NULL where it did not.';

create function ml.grant_model(
    model_id pg_catalog.text,
    role_name pg_catalog.name,
    access pg_catalog.text default 'predict',
    tenant_id pg_catalog.text default null
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import grant_model
grant_model(model_id, role_name, access, tenant_id)
$$;
comment on function ml.grant_model is 'Let a role of any tenant predict with one model of the caller''s.';

create function ml.revoke_model(
    model_id pg_catalog.text,
    role_name pg_catalog.name,
    tenant_id pg_catalog.text default null
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import revoke_model
revoke_model(model_id, role_name, tenant_id)
$$;
comment on function ml.revoke_model is 'Take back what ml.grant_model gave a role.';

create function ml._schedules(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out cron pg_catalog.text, out metric pg_catalog.text,
    out min_improvement pg_catalog.float8, out max_age interval, out max_drift pg_catalog.float8,
    out role pg_catalog.name, out job_id bigint, out created_at pg_catalog.timestamptz,
    out last_run_at pg_catalog.timestamptz, out last_outcome pg_catalog.text
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import schedule_rows
return schedule_rows()
$$;
comment on function ml._schedules is 'Internal: the rows of ml.schedules.';
create or replace view ml.schedules as
select tenant_id, model_id, cron, metric, min_improvement, max_age, max_drift, role, job_id, created_at,
    last_run_at, last_outcome
from ml._schedules();

create function ml._schedule_history(
    out tenant_id pg_catalog.text, out model_id pg_catalog.text, out started_at pg_catalog.timestamptz,
    out finished_at pg_catalog.timestamptz, out outcome pg_catalog.text, out reason pg_catalog.text,
    out drift pg_catalog.float8, out metric pg_catalog.text, out old_version pg_catalog.text,
    out old_value pg_catalog.float8, out new_version pg_catalog.text, out new_value pg_catalog.float8,
    out role pg_catalog.name
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import schedule_run_rows
return schedule_run_rows()
$$;
comment on function ml._schedule_history is 'Internal: the rows of ml.schedule_history.';
create or replace view ml.schedule_history as
select tenant_id, model_id, started_at, finished_at, outcome, reason, drift, metric, old_version, old_value,
    new_version, new_value, role
from ml._schedule_history();

create function ml._experiment_runs(
    out tenant_id pg_catalog.text, out run_id bigint, out experiment pg_catalog.text, out name pg_catalog.text,
    out status pg_catalog.text, out started_at pg_catalog.timestamptz, out ended_at pg_catalog.timestamptz,
    out created_by pg_catalog.name, out tags pg_catalog.jsonb, out params pg_catalog.jsonb,
    out metrics pg_catalog.jsonb
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import experiment_runs
return experiment_runs()
$$;
comment on function ml._experiment_runs is 'Internal: the rows of ml.experiment_runs.';
create or replace view ml.experiment_runs as
select tenant_id, run_id, experiment, name, status, started_at, ended_at, created_by, tags, params, metrics
from ml._experiment_runs();

create function ml._experiment_metrics(
    run bigint default null,
    out tenant_id pg_catalog.text, out run_id bigint, out name pg_catalog.text, out step bigint,
    out value pg_catalog.float8, out logged_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import experiment_metrics
return experiment_metrics(run)
$$;
comment on function ml._experiment_metrics is 'Internal: the rows of ml.experiment_metrics, of all runs or of one.';
create view ml.experiment_metrics as
select tenant_id, run_id, name, step, value, logged_at
from ml._experiment_metrics();
comment on view ml.experiment_metrics is 'Every value that was logged of the metrics of experiment runs.';
comment on column ml.experiment_metrics.tenant_id is 'The tenant that owns it.';
comment on column ml.experiment_metrics.run_id is 'Key of the run.';
comment on column ml.experiment_metrics.name is 'Name of the metric.';
comment on column ml.experiment_metrics.step is 'The step that it was logged in.';
comment on column ml.experiment_metrics.value is 'Its value.';
comment on column ml.experiment_metrics.logged_at is 'When it was logged.';

create function ml._start_run(
    experiment pg_catalog.text,
    name pg_catalog.text default null,
    tags pg_catalog.jsonb default '{}',
    tenant_id pg_catalog.text default null
) returns bigint
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import start_run
return start_run(experiment, name, tags, tenant_id)
$$;
comment on function ml._start_run is 'Internal: begin a run of an experiment, and return its number.';

create function ml._end_run(run_id bigint, status pg_catalog.text default 'finished') returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import end_run
return end_run(run_id, status)
$$;
comment on function ml._end_run is 'Internal: end a run, and return whether it was running.';

create function ml._log_params(run_id bigint, params pg_catalog.jsonb) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import log_params
log_params(run_id, params)
$$;
comment on function ml._log_params is 'Internal: store parameters of a run; the last value of a name counts.';

create function ml._log_metrics(
    run_id bigint,
    metrics pg_catalog.jsonb,
    step bigint default 0
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import log_metrics
log_metrics(run_id, metrics, step)
$$;
comment on function ml._log_metrics is 'Internal: store a value of each metric of a run.';

create function ml._delete_run(run_id bigint) returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import delete_run
return delete_run(run_id)
$$;
comment on function ml._delete_run is 'Internal: delete a run with its parameters and metrics.';

drop function ml.grant_usage(pg_catalog.name, pg_catalog.text, boolean);
create function ml.grant_usage(
    role_name pg_catalog.name,
    tenant_id pg_catalog.text default 'default',
    admin boolean default false,
    access pg_catalog.text default null
) returns pg_catalog.void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import grant_usage
grant_usage(role_name, tenant_id, admin, access)
$$;
comment on function ml.grant_usage is
    'Let a role act for a tenant: predict, or also train and manage its models, or also grant it to others.';

create function ml._tenant_roles(
    out tenant_id pg_catalog.text, out role pg_catalog.regrole, out access pg_catalog.text,
    out granted_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import tenant_role_rows
return tenant_role_rows()
$$;
comment on function ml._tenant_roles is 'Internal: the rows of ml.tenant_roles.';
create view ml.tenant_roles as
select tenant_id, role, access, granted_at
from ml._tenant_roles();
comment on view ml.tenant_roles is 'Who may act for the tenants of the caller, and how far.';
comment on column ml.tenant_roles.tenant_id is 'The tenant.';
comment on column ml.tenant_roles.role is 'The role.';
comment on column ml.tenant_roles.access is
    'predict: nothing else; train: also train and manage models; admin: also grant the tenant to others.';
comment on column ml.tenant_roles.granted_at is 'When ml.grant_usage was first called for the pair.';

-- ml.train: deploy asks nothing unless it is given, so that it can be told from true; positive_class.
drop function ml.train(
    pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text[], pg_catalog.text,
    pg_catalog.jsonb, pg_catalog.text, pg_catalog.float8, pg_catalog.text, integer, pg_catalog.jsonb, pg_catalog.jsonb,
    integer, boolean, pg_catalog.jsonb, pg_catalog.text, pg_catalog.text
);
create function ml.train(
    model_id pg_catalog.text,
    model_type pg_catalog.text,
    training_data pg_catalog.text,
    target pg_catalog.text default null,
    features pg_catalog.text[] default null,
    algorithm pg_catalog.text default null,
    hyperparameters pg_catalog.jsonb default '{}',
    validation_data pg_catalog.text default null,
    test_size pg_catalog.float8 default 0.2,
    split pg_catalog.text default null,
    cv integer default null,
    search pg_catalog.jsonb default null,
    preprocess pg_catalog.jsonb default null,
    random_state integer default 42,
    deploy boolean default null,
    execution pg_catalog.jsonb default '{}',
    group_by pg_catalog.text default null,
    positive_class pg_catalog.text default null,
    intervals pg_catalog.jsonb default null,
    tenant_id pg_catalog.text default null
) returns ml.training_result
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import train
return train(model_id, model_type, training_data, target, features, algorithm, hyperparameters, validation_data, test_size, split, cv, search, preprocess, random_state, deploy, execution, group_by, positive_class, intervals, tenant_id)
$$;
comment on function ml.train is 'Train a model on a table, a view or a SELECT, and store it as a new version.';

create function ml.import_model(
    model_id pg_catalog.text,
    data pg_catalog.bytea,
    format pg_catalog.text,
    model_type pg_catalog.text,
    features pg_catalog.text[] default null,
    classes pg_catalog.text[] default null,
    sample pg_catalog.jsonb default null,
    predictions pg_catalog.jsonb default null,
    target pg_catalog.text default null,
    deploy boolean default null,
    tenant_id pg_catalog.text default null
) returns ml.training_result
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import import_model
return import_model(model_id, data, format, model_type, features, classes, sample, predictions, target, deploy, tenant_id)
$$;
comment on function ml.import_model is
    'Store a model that was fitted elsewhere as a new version, once it answers a sample as it did there.';

-- ml.evaluate: positive_class.
drop function ml.evaluate(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text);
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

alter table ml.quota add column free_bytes bigint;
comment on column ml.quota.free_bytes is
    'Bytes that may be logged before all is counted anew; NULL is none.';

-- Experiments count towards the bytes of a quota: each run knows what was logged to it.
alter table ml.experiment_run add column bytes bigint not null default 0;
comment on column ml.experiment_run.bytes is 'Bytes of its parameters and metrics, about: what a quota counts.';
update ml.experiment_run r set bytes = (
    select coalesce(pg_catalog.sum(
        100 operator(pg_catalog.+) pg_catalog.octet_length(p.name) operator(pg_catalog.+) pg_catalog.pg_column_size(p.value)
    ), 0) from ml.experiment_param p where p.run_id operator(pg_catalog.=) r.id
) operator(pg_catalog.+) (
    select coalesce(pg_catalog.sum(100 operator(pg_catalog.+) pg_catalog.octet_length(m.name)), 0)
    from ml.experiment_metric m where m.run_id operator(pg_catalog.=) r.id
);

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

-- Intervals and sets of labels.
create type ml.prediction_interval as (
    value pg_catalog.float8,
    lower pg_catalog.float8,
    upper pg_catalog.float8,
    level pg_catalog.float8
);
comment on type ml.prediction_interval is 'What ml.predict_interval returns.';
comment on column ml.prediction_interval.value is 'The predicted value.';
comment on column ml.prediction_interval.lower is 'Lower bound.';
comment on column ml.prediction_interval.upper is 'Upper bound.';
comment on column ml.prediction_interval.level is 'Share of rows whose true value such bounds hold.';

create function ml.predict_interval(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns ml.prediction_interval
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_interval
    SD["entry"] = predict_interval
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_interval(
    pg_catalog.text, pg_catalog.jsonb, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a number, with bounds that hold the true value as often as the level says.';

create function ml.predict_interval(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns ml.prediction_interval
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_interval
    SD["entry"] = predict_interval
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_interval(
    pg_catalog.text, pg_catalog.float8[], pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a number, with bounds that hold the true value as often as the level says.';

create function ml.predict_interval(
    model_id pg_catalog.text,
    input pg_catalog.text,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns ml.prediction_interval
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_interval
    SD["entry"] = predict_interval
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_interval(
    pg_catalog.text, pg_catalog.text, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a number, with bounds that hold the true value as often as the level says.';

create function ml.predict_set(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_set
    SD["entry"] = predict_set
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_set(
    pg_catalog.text, pg_catalog.jsonb, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a set of labels that holds the true one as often as the level says, the most probable first.';

create function ml.predict_set(
    model_id pg_catalog.text,
    input pg_catalog.float8[],
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_set
    SD["entry"] = predict_set
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_set(
    pg_catalog.text, pg_catalog.float8[], pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a set of labels that holds the true one as often as the level says, the most probable first.';

create function ml.predict_set(
    model_id pg_catalog.text,
    input pg_catalog.text,
    level pg_catalog.float8 default 0.9,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text[]
    language plpython3u stable parallel unsafe cost 500 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import predict_set
    SD["entry"] = predict_set
return SD["entry"](model_id, input, level, version, tenant_id)
$$;
comment on function ml.predict_set(
    pg_catalog.text, pg_catalog.text, pg_catalog.float8, pg_catalog.text, pg_catalog.text
) is 'Predict one row as a set of labels that holds the true one as often as the level says, the most probable first.';

-- The same with how sure each prediction is, at a level: a function of its own, so that all others keep their columns.
create function ml._predict_level_chunks(
    model_id pg_catalog.text, input_data pg_catalog.text, id_column pg_catalog.text, version pg_catalog.text,
    tenant_id pg_catalog.text, chunk_rows integer, level pg_catalog.float8, out first bigint,
    out ids pg_catalog.text[], out labels pg_catalog.text[], out codes pg_catalog.bytea, out vals pg_catalog.bytea,
    out numbers pg_catalog.bytea, out width integer, out chances boolean, out lowers pg_catalog.bytea,
    out uppers pg_catalog.bytea, out sets pg_catalog.text[]
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import predict_chunks
return predict_chunks(model_id, input_data, id_column, version, tenant_id, chunk_rows, False, level)
$$;
comment on function ml._predict_level_chunks is
    'Internal: the predictions of ml.predict_batch with a level, a chunk of rows at a time.';

create function ml.predict_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    level pg_catalog.float8,
    id_column pg_catalog.text default null,
    version pg_catalog.text default null,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
    id pg_catalog.text, prediction pg_catalog.text, value pg_catalog.float8, confidence pg_catalog.float8,
    probabilities pg_catalog.float8[], lower pg_catalog.float8, upper pg_catalog.float8, labels pg_catalog.text[]
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
        then r.numbers[r.before operator(pg_catalog.+) 1 : r.before operator(pg_catalog.+) r.width] end,
    case when r.low operator(pg_catalog.<>) 'NaN' then r.low end,
    case when r.high operator(pg_catalog.<>) 'NaN' then r.high end,
    r.held::pg_catalog.text[]
from (
    select n.*, (n.position operator(pg_catalog.-) 1) operator(pg_catalog.*) n.width as before from (
        select c.first, c.ids is null as numbered, c.labels, c.width, c.chances, c.numbers,
            pg_catalog.unnest(c.codes) as code, pg_catalog.unnest(c.vals) as value, pg_catalog.unnest(c.ids) as id,
            pg_catalog.unnest(c.lowers) as low, pg_catalog.unnest(c.uppers) as high, pg_catalog.unnest(c.sets) as held,
            pg_catalog.generate_series(1, c.rows) as position
        from (
            select (p.chunk).first, (p.chunk).ids, (p.chunk).labels, (p.chunk).width, (p.chunk).chances, (p.chunk).sets,
                ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).vals) as vals,
                ml._float8_array((p.chunk).numbers) as numbers, ml._float8_array((p.chunk).lowers) as lowers,
                ml._float8_array((p.chunk).uppers) as uppers,
                coalesce(
                    pg_catalog.octet_length((p.chunk).codes) operator(pg_catalog./) 4,
                    pg_catalog.octet_length((p.chunk).vals) operator(pg_catalog./) 8,
                    ml._raise_failure()) as rows
            from (select ml._predict_level_chunks($1, $2, $4, $5, $7, $6, $3) as chunk offset 0) as p
            offset 0
        ) as c
    ) as n
) as r
offset 0
$$;
comment on function ml.predict_batch(
    pg_catalog.text, pg_catalog.text, pg_catalog.float8, pg_catalog.text, pg_catalog.text, integer, pg_catalog.text
) is 'Predict every row of a table, a view or a SELECT, in its order.';

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

-- Inspection: why a model answers as it does.

create type ml.explanation as (
    class pg_catalog.text,
    feature pg_catalog.text,
    value pg_catalog.text,
    attribution pg_catalog.float8,
    rank integer,
    std_error pg_catalog.float8,
    method pg_catalog.text,
    unit pg_catalog.text
);
comment on type ml.explanation is 'What a feature adds to the score of a row, or the base that it is added to.';
comment on column ml.explanation.class is 'The class whose score it is; NULL for other model types.';
comment on column ml.explanation.feature is 'The feature, or part of one; NULL for the base.';
comment on column ml.explanation.value is 'Its value in the row.';
comment on column ml.explanation.attribution is 'What it adds.';
comment on column ml.explanation.rank is '1 for what adds or takes away most, 0 for the base.';
comment on column ml.explanation.std_error is 'Standard error of a sampled attribution; NULL where it is exact.';
comment on column ml.explanation.method is 'exact or sampled.';
comment on column ml.explanation.unit is 'What is added up: value, probability, log-odds and the like.';

-- args[3] is the argument class, a word that Python keeps for itself.
create function ml._explain_row(
    model_id pg_catalog.text, input pg_catalog.jsonb, top_k integer, class pg_catalog.text,
    version pg_catalog.text, detail boolean, tenant_id pg_catalog.text
) returns pg_catalog.text
    language plpython3u stable parallel unsafe cost 1000 as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import explain_row
    SD["entry"] = explain_row
return SD["entry"](model_id, input, top_k, args[3], version, detail, tenant_id)
$$;
comment on function ml._explain_row is 'Internal: the rows of ml.explain as the text of an array.';

-- One text that is cast costs a fifth of rows that PL/Python converts value by value. The planner puts the body in the
-- place of the call.
create function ml.explain(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    top_k integer default null,
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    detail boolean default false,
    tenant_id pg_catalog.text default null
) returns table (
        class pg_catalog.text, feature pg_catalog.text, value pg_catalog.text, attribution pg_catalog.float8,
        rank integer, std_error pg_catalog.float8, method pg_catalog.text, unit pg_catalog.text
    )
    language sql stable parallel unsafe cost 1000 rows 10 as $$
select r.class, r.feature, r.value, r.attribution, r.rank, r.std_error, r.method, r.unit
from pg_catalog.unnest(ml._explain_row($1, $2, $3, $4, $5, $6, $7)::ml.explanation[]) as r
$$;
comment on function ml.explain is 'Tell what each feature adds to the score of one row: with the base they add up to it.';

create function ml._explain_chunks(
    model_id pg_catalog.text, input_data pg_catalog.text, id_column pg_catalog.text, top_k integer,
    class pg_catalog.text, version pg_catalog.text, detail boolean, chunk_rows integer, tenant_id pg_catalog.text,
    out ids pg_catalog.text[], out labels pg_catalog.text[], out classes pg_catalog.bytea, out bases pg_catalog.bytea,
    out features pg_catalog.text[], out codes pg_catalog.bytea, out texts pg_catalog.text[],
    out attributions pg_catalog.bytea, out errors pg_catalog.bytea, out ranks pg_catalog.bytea,
    out methods pg_catalog.text[], out units pg_catalog.text[], out kinds pg_catalog.bytea
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import explain_chunks
return explain_chunks(
    model_id, input_data, id_column, top_k, args[4], version, detail, chunk_rows, tenant_id)
$$;
comment on function ml._explain_chunks is 'Internal: the rows of ml.explain_batch, some of them at a time.';

-- Calls in the select list, and OFFSET 0, as in ml._predict_rows.
create function ml.explain_batch(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    id_column pg_catalog.text default null,
    top_k integer default null,
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    detail boolean default false,
    chunk_rows integer default null,
    tenant_id pg_catalog.text default null
) returns table (
        id pg_catalog.text, class pg_catalog.text, base pg_catalog.float8, feature pg_catalog.text,
        value pg_catalog.text, attribution pg_catalog.float8, rank integer, std_error pg_catalog.float8,
        method pg_catalog.text, unit pg_catalog.text
    )
    language sql stable parallel unsafe rows 1000000 as $$
select r.id, r.labels[r.label], r.base, r.features[r.code], r.value, r.attribution, r.rank,
    case when r.error operator(pg_catalog.<>) 'NaN' then r.error end, r.methods[r.kind], r.units[r.kind]
from (
    select c.labels, c.features, c.methods, c.units,
        pg_catalog.unnest(c.ids) as id, pg_catalog.unnest(c.classes) as label, pg_catalog.unnest(c.bases) as base,
        pg_catalog.unnest(c.codes) as code, pg_catalog.unnest(c.texts) as value,
        pg_catalog.unnest(c.attributions) as attribution, pg_catalog.unnest(c.errors) as error,
        pg_catalog.unnest(c.ranks) as rank, pg_catalog.unnest(c.kinds) as kind
    from (
        select (p.chunk).labels, (p.chunk).features, (p.chunk).methods, (p.chunk).units, (p.chunk).texts,
            coalesce((p.chunk).ids, array[ml._raise_failure()]::pg_catalog.text[]) as ids,
            ml._int4_array((p.chunk).classes) as classes, ml._float8_array((p.chunk).bases) as bases,
            ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).attributions) as attributions,
            ml._float8_array((p.chunk).errors) as errors, ml._int4_array((p.chunk).ranks) as ranks,
            ml._int4_array((p.chunk).kinds) as kinds
        from (select ml._explain_chunks($1, $2, $3, $4, $5, $6, $7, $8, $9) as chunk offset 0) as p
        offset 0
    ) as c
) as r
offset 0
$$;
comment on function ml.explain_batch is
    'Tell what each feature adds to the score of every row of a table, a view or a SELECT, in its order.';

create function ml.coefficients(
    model_id pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (
        class pg_catalog.text, term pg_catalog.text, level pg_catalog.text, coefficient pg_catalog.float8,
        std_error pg_catalog.float8, statistic pg_catalog.float8, p_value pg_catalog.float8,
        lower pg_catalog.float8, upper pg_catalog.float8, reason pg_catalog.text
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import coefficients
return coefficients(model_id, version, tenant_id)
$$;
comment on function ml.coefficients is
    'List the coefficients of a linear model in the units of the table, with their standard errors.';

create function ml.importance(
    model_id pg_catalog.text,
    input_data pg_catalog.text default null,
    target pg_catalog.text default null,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (
        feature pg_catalog.text, importance pg_catalog.float8, std pg_catalog.float8, rank integer,
        metric pg_catalog.text, rows bigint, mean_abs_attribution pg_catalog.float8
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import importance
return importance(model_id, input_data, target, version, tenant_id)
$$;
comment on function ml.importance is
    'List how much worse a model scores without each feature: as at training, or on the rows given.';

-- args[4] is the argument class, as in ml.explain.
create function ml.partial_dependence(
    model_id pg_catalog.text,
    feature pg_catalog.text,
    input_data pg_catalog.text,
    grid pg_catalog.jsonb default null,
    class pg_catalog.text default null,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (class pg_catalog.text, value pg_catalog.text, average pg_catalog.float8, rows bigint)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import partial_dependence
return partial_dependence(model_id, feature, input_data, grid, args[4], version, tenant_id)
$$;
comment on function ml.partial_dependence is
    'List the mean answer over the rows given, for values of one feature that all of them are given.';

create function ml.cluster_profile(
    model_id pg_catalog.text,
    input_data pg_catalog.text,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns table (
        cluster integer, rows bigint, feature pg_catalog.text, level pg_catalog.text, value pg_catalog.float8,
        overall pg_catalog.float8
    )
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import cluster_profile
return cluster_profile(model_id, input_data, version, tenant_id)
$$;
comment on function ml.cluster_profile is
    'List what the rows of each cluster are like: means of numbers and shares of categories, against all rows.';

create function ml.counterfactual(
    model_id pg_catalog.text,
    input pg_catalog.jsonb,
    wanted pg_catalog.text,
    vary pg_catalog.text[] default null,
    version pg_catalog.text default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.jsonb
    language plpython3u stable parallel unsafe cost 100000 as $$
from motadata_ml_server.entrypoints import counterfactual
return counterfactual(model_id, input, wanted, vary, version, tenant_id)
$$;
comment on function ml.counterfactual is
    'Return the smallest change of the named features by which the model answers what is wanted, NULL for none.';

-- Forecasting: what is expected of many series, from their past alone.

create function ml._forecast_chunks(
    input_data pg_catalog.text, time_column pg_catalog.text, value_column pg_catalog.text, series pg_catalog.text[],
    horizon integer, level pg_catalog.float8, model pg_catalog.text, season integer, duplicates pg_catalog.text,
    gaps pg_catalog.text, out names pg_catalog.text[], out models pg_catalog.text[], out statuses pg_catalog.text[],
    out walls boolean[], out codes pg_catalog.bytea, out times pg_catalog.bytea, out numbers pg_catalog.bytea,
    out width integer
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import forecast_chunks
return forecast_chunks(input_data, time_column, value_column, series, horizon, level, model, season, duplicates, gaps)
$$;
comment on function ml._forecast_chunks is 'Internal: the rows of ml.forecast, some series at a time.';

-- A time on a wall clock means what the session's time zone says; others are moments.
create function ml._moment(seconds pg_catalog.float8, wall boolean) returns pg_catalog.timestamptz
    language sql stable parallel safe as $$
select case
    when $1 operator(pg_catalog.<=) '-Infinity' or $1 operator(pg_catalog.>=) 'Infinity' then null
    when $2 then pg_catalog.timezone('UTC', pg_catalog.to_timestamp($1))::pg_catalog.timestamptz
    else pg_catalog.to_timestamp($1) end
$$;
comment on function ml._moment is 'Internal: the time of an answer about a series.';

create function ml._number(value pg_catalog.float8) returns pg_catalog.float8
    language sql immutable parallel safe as $$
select case when $1 operator(pg_catalog.<>) 'NaN' then $1 end
$$;
comment on function ml._number is 'Internal: a number of an answer about a series, where NaN stands for NULL.';

create function ml.forecast(
    input_data pg_catalog.text,
    time_column pg_catalog.text,
    value_column pg_catalog.text,
    series pg_catalog.text[] default null,
    horizon integer default 10,
    level pg_catalog.float8 default 0.9,
    model pg_catalog.text default null,
    season integer default null,
    duplicates pg_catalog.text default 'mean',
    gaps pg_catalog.text default 'interpolate'
) returns table (
    series pg_catalog.jsonb, at pg_catalog.timestamptz, value pg_catalog.float8, lower pg_catalog.float8,
    upper pg_catalog.float8, level pg_catalog.float8, model pg_catalog.text, status pg_catalog.text
)
    language sql stable parallel unsafe rows 10000 as $$
select n.names[n.code]::pg_catalog.jsonb, ml._moment(n.seconds, n.walls[n.code]),
    ml._number(n.numbers[n.before operator(pg_catalog.+) 1]), ml._number(n.numbers[n.before operator(pg_catalog.+) 2]),
    ml._number(n.numbers[n.before operator(pg_catalog.+) 3]), $6, n.models[n.code], n.statuses[n.code]
from (
    select c.names, c.models, c.statuses, c.walls, c.numbers, pg_catalog.unnest(c.codes) as code,
        pg_catalog.unnest(c.times) as seconds,
        pg_catalog.generate_series(0, c.rows operator(pg_catalog.-) 1) operator(pg_catalog.*) 3 as before
    from (
        select (p.chunk).names, (p.chunk).models, (p.chunk).statuses, (p.chunk).walls,
            ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).times) as times,
            ml._float8_array((p.chunk).numbers) as numbers,
            coalesce(pg_catalog.octet_length((p.chunk).codes) operator(pg_catalog./) 4, ml._raise_failure()) as rows
        from (select ml._forecast_chunks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as chunk offset 0) as p
        offset 0
    ) as c
) as n
offset 0
$$;
comment on function ml.forecast is 'Forecast many series of a table, a view or a SELECT, with intervals.';

create function ml._backtest_chunks(
    input_data pg_catalog.text, time_column pg_catalog.text, value_column pg_catalog.text, series pg_catalog.text[],
    horizon integer, windows integer, level pg_catalog.float8, model pg_catalog.text, season integer, duplicates pg_catalog.text, gaps pg_catalog.text,
    out names pg_catalog.text[], out models pg_catalog.text[], out statuses pg_catalog.text[],
    out walls boolean[], out codes pg_catalog.bytea, out times pg_catalog.bytea, out numbers pg_catalog.bytea,
    out width integer
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import backtest_chunks
return backtest_chunks(input_data, time_column, value_column, series, horizon, windows, level, model, season, duplicates, gaps)
$$;
comment on function ml._backtest_chunks is 'Internal: the rows of ml.backtest, some series at a time.';

create function ml.backtest(
    input_data pg_catalog.text,
    time_column pg_catalog.text,
    value_column pg_catalog.text,
    series pg_catalog.text[] default null,
    horizon integer default 10,
    windows integer default 5,
    level pg_catalog.float8 default 0.9,
    model pg_catalog.text default null,
    season integer default null,
    duplicates pg_catalog.text default 'mean',
    gaps pg_catalog.text default 'interpolate'
) returns table (
    series pg_catalog.jsonb, model pg_catalog.text, horizon_step integer, mase pg_catalog.float8,
    smape pg_catalog.float8, rmse pg_catalog.float8, coverage pg_catalog.float8, status pg_catalog.text
)
    language sql stable parallel unsafe rows 10000 as $$
select n.names[n.code]::pg_catalog.jsonb, n.models[n.code], ml._number(n.numbers[n.before operator(pg_catalog.+) 1])::integer, ml._number(n.numbers[n.before operator(pg_catalog.+) 2]),
    ml._number(n.numbers[n.before operator(pg_catalog.+) 3]), ml._number(n.numbers[n.before operator(pg_catalog.+) 4]),
    ml._number(n.numbers[n.before operator(pg_catalog.+) 5]), n.statuses[n.code]
from (
    select c.names, c.models, c.statuses, c.walls, c.numbers, pg_catalog.unnest(c.codes) as code,
        pg_catalog.unnest(c.times) as seconds,
        pg_catalog.generate_series(0, c.rows operator(pg_catalog.-) 1) operator(pg_catalog.*) 5 as before
    from (
        select (p.chunk).names, (p.chunk).models, (p.chunk).statuses, (p.chunk).walls,
            ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).times) as times,
            ml._float8_array((p.chunk).numbers) as numbers,
            coalesce(pg_catalog.octet_length((p.chunk).codes) operator(pg_catalog./) 4, ml._raise_failure()) as rows
        from (select ml._backtest_chunks($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as chunk offset 0) as p
        offset 0
    ) as c
) as n
offset 0
$$;
comment on function ml.backtest is 'Measure how far each forecasting model was off on the past of many series.';

create function ml._decompose_chunks(
    input_data pg_catalog.text, time_column pg_catalog.text, value_column pg_catalog.text, series pg_catalog.text[],
    season integer, duplicates pg_catalog.text, gaps pg_catalog.text,
    out names pg_catalog.text[], out models pg_catalog.text[], out statuses pg_catalog.text[],
    out walls boolean[], out codes pg_catalog.bytea, out times pg_catalog.bytea, out numbers pg_catalog.bytea,
    out width integer
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import decompose_chunks
return decompose_chunks(input_data, time_column, value_column, series, season, duplicates, gaps)
$$;
comment on function ml._decompose_chunks is 'Internal: the rows of ml.decompose, some series at a time.';

create function ml.decompose(
    input_data pg_catalog.text,
    time_column pg_catalog.text,
    value_column pg_catalog.text,
    series pg_catalog.text[] default null,
    season integer default null,
    duplicates pg_catalog.text default 'mean',
    gaps pg_catalog.text default 'interpolate'
) returns table (
    series pg_catalog.jsonb, at pg_catalog.timestamptz, value pg_catalog.float8, trend pg_catalog.float8,
    season pg_catalog.float8, remainder pg_catalog.float8, status pg_catalog.text
)
    language sql stable parallel unsafe rows 10000 as $$
select n.names[n.code]::pg_catalog.jsonb, ml._moment(n.seconds, n.walls[n.code]), ml._number(n.numbers[n.before operator(pg_catalog.+) 1]),
    ml._number(n.numbers[n.before operator(pg_catalog.+) 2]), ml._number(n.numbers[n.before operator(pg_catalog.+) 3]),
    ml._number(n.numbers[n.before operator(pg_catalog.+) 4]), n.statuses[n.code]
from (
    select c.names, c.models, c.statuses, c.walls, c.numbers, pg_catalog.unnest(c.codes) as code,
        pg_catalog.unnest(c.times) as seconds,
        pg_catalog.generate_series(0, c.rows operator(pg_catalog.-) 1) operator(pg_catalog.*) 4 as before
    from (
        select (p.chunk).names, (p.chunk).models, (p.chunk).statuses, (p.chunk).walls,
            ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).times) as times,
            ml._float8_array((p.chunk).numbers) as numbers,
            coalesce(pg_catalog.octet_length((p.chunk).codes) operator(pg_catalog./) 4, ml._raise_failure()) as rows
        from (select ml._decompose_chunks($1, $2, $3, $4, $5, $6, $7) as chunk offset 0) as p
        offset 0
    ) as c
) as n
offset 0
$$;
comment on function ml.decompose is 'Split many series into trend, season and remainder.';

create function ml._series_anomaly_chunks(
    input_data pg_catalog.text, time_column pg_catalog.text, value_column pg_catalog.text, series pg_catalog.text[],
    level pg_catalog.float8, season integer, duplicates pg_catalog.text, gaps pg_catalog.text,
    out names pg_catalog.text[], out models pg_catalog.text[], out statuses pg_catalog.text[],
    out walls boolean[], out codes pg_catalog.bytea, out times pg_catalog.bytea, out numbers pg_catalog.bytea,
    out width integer
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import series_anomaly_chunks
return series_anomaly_chunks(input_data, time_column, value_column, series, level, season, duplicates, gaps)
$$;
comment on function ml._series_anomaly_chunks is 'Internal: the rows of ml.series_anomalies, some series at a time.';

create function ml.series_anomalies(
    input_data pg_catalog.text,
    time_column pg_catalog.text,
    value_column pg_catalog.text,
    series pg_catalog.text[] default null,
    level pg_catalog.float8 default 0.999,
    season integer default null,
    duplicates pg_catalog.text default 'mean',
    gaps pg_catalog.text default 'interpolate'
) returns table (
    series pg_catalog.jsonb, at pg_catalog.timestamptz, value pg_catalog.float8, expected pg_catalog.float8,
    lower pg_catalog.float8, upper pg_catalog.float8, is_anomaly boolean, score pg_catalog.float8, status pg_catalog.text
)
    language sql stable parallel unsafe rows 10000 as $$
select a.series, a.at, a.value, a.expected, a.lower, a.upper,
    a.value operator(pg_catalog.<) a.lower or a.value operator(pg_catalog.>) a.upper, a.score, a.status
from (
    select n.names[n.code]::pg_catalog.jsonb as series, ml._moment(n.seconds, n.walls[n.code]) as at,
        ml._number(n.numbers[n.before operator(pg_catalog.+) 1]) as value, ml._number(n.numbers[n.before operator(pg_catalog.+) 2]) as expected,
        ml._number(n.numbers[n.before operator(pg_catalog.+) 3]) as lower, ml._number(n.numbers[n.before operator(pg_catalog.+) 4]) as upper,
        ml._number(n.numbers[n.before operator(pg_catalog.+) 5]) as score, n.statuses[n.code] as status
    from (
        select c.names, c.models, c.statuses, c.walls, c.numbers, pg_catalog.unnest(c.codes) as code,
            pg_catalog.unnest(c.times) as seconds,
            pg_catalog.generate_series(0, c.rows operator(pg_catalog.-) 1) operator(pg_catalog.*) 5 as before
        from (
            select (p.chunk).names, (p.chunk).models, (p.chunk).statuses, (p.chunk).walls,
                ml._int4_array((p.chunk).codes) as codes, ml._float8_array((p.chunk).times) as times,
                ml._float8_array((p.chunk).numbers) as numbers,
                coalesce(pg_catalog.octet_length((p.chunk).codes) operator(pg_catalog./) 4, ml._raise_failure()) as rows
            from (select ml._series_anomaly_chunks($1, $2, $3, $4, $5, $6, $7, $8) as chunk offset 0) as p
            offset 0
        ) as c
    ) as n
    offset 0
) as a
offset 0
$$;
comment on function ml.series_anomalies is 'Find the values of many series that stand out from their trend and season.';

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
                (array['predict', 'predict_value', 'predict_label', 'predict_proba', 'predict_interval', 'predict_set'
                    ]::pg_catalog.name[]));
end
$$;
