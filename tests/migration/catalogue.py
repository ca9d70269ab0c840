"""What the extension made in a database, as text that two databases can be compared by."""

from __future__ import annotations

from typing import Any

import psycopg

Session = psycopg.Connection[Any]

MEMBERS = """
select pg_describe_object(classid, objid, objsubid) from pg_depend
where refclassid = 'pg_extension'::regclass and deptype = 'e'
    and refobjid = (select oid from pg_extension where extname = 'motadata_ml')
"""

QUERIES = {
    "object": MEMBERS,
    "function": """
        select format('%s: %s', p.oid::regprocedure, pg_get_functiondef(p.oid))
        from pg_proc p where p.pronamespace = 'ml'::regnamespace and p.prokind <> 'a'""",
    "aggregate": """
        select format('%s: %s %s %s', p.oid::regprocedure, a.aggtransfn, a.aggfinalfn, a.aggtranstype::regtype)
        from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid where p.pronamespace = 'ml'::regnamespace""",
    "rights of function": """
        select format('%s: %s', oid::regprocedure, proacl)
        from pg_proc where pronamespace = 'ml'::regnamespace""",
    "column": """
        select format('%s.%s: number %s, %s, %s, default %s, storage %s, identity %s%s', c.oid::regclass, a.attname,
            (select count(*) from pg_attribute b
                where b.attrelid = c.oid and b.attnum between 1 and a.attnum and not b.attisdropped),
            format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' else 'null' end,
            coalesce(pg_get_expr(d.adbin, d.adrelid), 'none'), a.attstorage, a.attidentity, a.attgenerated)
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'ml'::regnamespace and c.relkind in ('r', 'v', 'c', 'p', 'm')""",
    "relation": """
        select format('%s: kind %s, row security %s %s, options %s, rights %s', c.oid::regclass, c.relkind,
            c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl)
        from pg_class c where c.relnamespace = 'ml'::regnamespace and c.relkind <> 'i'""",
    "view": """
        select format('%s: %s', c.oid::regclass, pg_get_viewdef(c.oid))
        from pg_class c where c.relnamespace = 'ml'::regnamespace and c.relkind in ('v', 'm')""",
    "index": """
        select pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = 'ml'::regnamespace""",
    "constraint": """
        select format('%s on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
        from pg_constraint where connamespace = 'ml'::regnamespace""",
    "policy": """
        select format('%s on %s: %s %s %s using %s check %s', p.polname, p.polrelid::regclass, p.polcmd,
            p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),
            pg_get_expr(p.polwithcheck, p.polrelid))
        from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = 'ml'::regnamespace""",
    "trigger": """
        select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'ml'::regnamespace and not t.tgisinternal""",
    "sequence": """
        select format('%s: %s start %s by %s cache %s owned by %s', s.seqrelid::regclass, s.seqtypid::regtype,
            s.seqstart, s.seqincrement, s.seqcache, (select refobjid::regclass from pg_depend
                where objid = s.seqrelid and deptype in ('a', 'i') and refclassid = 'pg_class'::regclass))
        from pg_sequence s join pg_class c on c.oid = s.seqrelid where c.relnamespace = 'ml'::regnamespace""",
    "type": """
        select format('%s: %s', oid::regtype, typtype) from pg_type
        where typnamespace = 'ml'::regnamespace and typelem = 0""",
    "comment": """
        select format('%s: %s', pg_describe_object(classoid, objoid, objsubid), description) from pg_description
        where pg_describe_object(classoid, objoid, objsubid) ~ '\\mml\\M'""",
    "dumped table": """
        select format('%s where %s', table_id::regclass, condition)
        from pg_extension, unnest(extconfig, extcondition) as u (table_id, condition) where extname = 'motadata_ml'""",
    "rights of schema": "select nspacl::text from pg_namespace where nspname = 'ml'",
}


def catalogue(session: Session) -> list[str]:
    """Return a line for everything the extension made, its kind first, in order."""
    lines = []
    with session.transaction():
        session.execute("set local search_path = pg_catalog")
        for kind, query in QUERIES.items():
            lines += [f"{kind} {text}" for (text,) in session.execute(query.encode()).fetchall()]
    return sorted(lines)


def differences(fresh: Session, upgraded: Session) -> str:
    """Return what one of two databases has and the other has not, readable; empty if they are equal."""
    wanted, found = catalogue(fresh), catalogue(upgraded)
    lacking = [f"the hop lacks   {line}" for line in wanted if line not in found]
    surplus = [f"the hop leaves  {line}" for line in found if line not in wanted]
    return "\n".join([*lacking, *surplus])
