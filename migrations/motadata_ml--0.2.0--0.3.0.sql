\echo Use "ALTER EXTENSION motadata_ml UPDATE" to load this file. \quit

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
