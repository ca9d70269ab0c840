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
