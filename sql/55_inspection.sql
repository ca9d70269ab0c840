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
