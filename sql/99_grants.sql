-- Nothing is granted to PUBLIC: ml.grant_usage gives a role what it needs.
revoke all on all tables in schema ml from public;
revoke all on all sequences in schema ml from public;
revoke all on all functions in schema ml from public;
revoke all on schema ml from public;

-- A function that calls back into SQL may run in a parallel plan from PostgreSQL 17 on; before, such a call
-- is refused in a way that breaks the interpreter for the rest of the session.
do $$
begin
    if pg_catalog.current_setting('server_version_num')::integer operator(pg_catalog.>=) 170000 then
        execute (
            select pg_catalog.string_agg(
                pg_catalog.format('alter function %s parallel safe;', p.oid::pg_catalog.regprocedure), ' ')
            from pg_catalog.pg_proc p
            where p.pronamespace operator(pg_catalog.=) 'ml'::pg_catalog.regnamespace
                and p.proname operator(pg_catalog.=) any
                    (array['predict', 'predict_value', 'predict_label', 'predict_proba', 'predict_interval', 'predict_set'
                    ]::pg_catalog.name[]));
    end if;
end
$$;
