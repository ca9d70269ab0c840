-- Nothing is granted to PUBLIC: ml.grant_usage gives a role what it needs.
revoke all on all tables in schema ml from public;
revoke all on all sequences in schema ml from public;
revoke all on all functions in schema ml from public;
revoke all on schema ml from public;

-- A function that calls back into SQL may run in a parallel plan from PostgreSQL 17 on; before, such a call
-- is refused in a way that breaks the interpreter for the rest of the session.
do $$
begin
    if current_setting('server_version_num')::integer >= 170000 then
        execute (
            select string_agg(format('alter function %s parallel safe;', p.oid::regprocedure), ' ')
            from pg_proc p
            where p.pronamespace = 'ml'::regnamespace
                and p.proname in ('predict', 'predict_value', 'predict_label', 'predict_proba'));
    end if;
end
$$;
