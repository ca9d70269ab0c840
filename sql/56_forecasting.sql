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
    when $1 operator(pg_catalog.=) 'NaN' then null
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
