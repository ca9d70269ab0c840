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
