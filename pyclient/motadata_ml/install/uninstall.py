"""Take the extension out of a database, with what DROP EXTENSION alone leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from motadata_ml.install.errors import SetupError
from motadata_ml.install.script import NAME

Session = psycopg.Connection[tuple[object, ...]]

_COUNTERS = """
do language plpython3u $$
import contextlib, os
with contextlib.suppress(FileNotFoundError):
    os.unlink("pg_stat_tmp/motadata_ml_counters")
$$
"""

_LANGUAGE = "select 1 from pg_catalog.pg_language where lanname operator(pg_catalog.=) 'plpython3u'"

_INSTALLED = "select 1 from pg_catalog.pg_extension where extname operator(pg_catalog.=) %s"


def drop_extension(dsn: str, *, cascade: bool = False) -> Iterator[str]:
    """Drop the extension and all models from one database.

    The scheduled trainings are taken from pg_cron and the schema ``ml`` is dropped, in one transaction with the
    extension. Where no other database of the server has it, the file of the counters goes too.

    Parameters
    ----------
    dsn : str
        How to connect, as superuser.
    cascade : bool
        Drop what depends on the extension, such as views over its functions, as well.

    Yields
    ------
    str
        What was removed, one thing at a time.

    Raises
    ------
    SetupError
        The extension is not in that database, or the role is no superuser.
    psycopg.Error
        Something depends on the extension, or the server cannot be reached.
    """
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set search_path = pg_catalog, pg_temp")
        name = session.info.dbname
        if session.execute(_INSTALLED, [NAME]).fetchone() is None:
            raise SetupError(f"database {name} has no extension {NAME}", remedy="Name another in --dsn.")
        if session.info.parameter_status("is_superuser") != "on":
            raise SetupError(f"{session.info.user} is not a superuser", remedy="Name a superuser in --dsn.")
        with session.transaction():
            jobs = _unschedule(session)
            session.execute(sql.SQL("drop extension {}{}").format(sql.Identifier(NAME), _suffix(cascade)))
            session.execute(sql.SQL("drop schema ml{}").format(_suffix(cascade)))
        if jobs:
            yield f"{jobs} scheduled trainings of {name}"
        yield f"extension {NAME} and schema ml of {name}"
        others = _other_databases(session, dsn)
        if others:
            return
        if session.execute(_LANGUAGE).fetchone():
            session.execute(_COUNTERS)
            yield "the server's file of counters"


def _suffix(cascade: bool) -> sql.SQL:
    return sql.SQL(" cascade") if cascade else sql.SQL("")


_JOBS = """
select c.oid::pg_catalog.regclass::pg_catalog.text
from pg_catalog.pg_extension e
join pg_catalog.pg_depend d on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
    and d.refobjid operator(pg_catalog.=) e.oid
    and d.deptype operator(pg_catalog.=) 'e'
    and d.classid operator(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) d.objid
where e.extname operator(pg_catalog.=) 'pg_cron'
    and c.relname operator(pg_catalog.=) 'job' and c.relkind operator(pg_catalog.=) 'r'
"""
"""pg_cron's own table: one of that name that is not the extension's has triggers of whoever made it."""


def _unschedule(session: Session) -> int:
    """Remove the jobs of pg_cron that train models; whoever scheduled them owns them."""
    jobs = session.execute(_JOBS).fetchone()
    if jobs is None or session.execute("select pg_catalog.to_regclass('ml.schedule')").fetchone() == (None,):
        return 0
    table = sql.SQL(str(jobs[0]))  # quoted by the server
    return session.execute(
        sql.SQL("delete from {} where jobid operator(pg_catalog.=) any (select job_id from ml.schedule)").format(table)
    ).rowcount


def _other_databases(session: Session, dsn: str) -> list[str]:
    """Return the databases that have the extension, or that cannot be asked."""
    names = session.execute(
        "select datname::pg_catalog.text from pg_catalog.pg_database "
        "where datallowconn and datname operator(pg_catalog.<>) pg_catalog.current_database() order by 1"
    ).fetchall()
    found = []
    for (name,) in names:
        try:
            with psycopg.connect(dsn, dbname=str(name), connect_timeout=10) as other:
                if other.execute(_INSTALLED, [NAME]).fetchone():
                    found.append(str(name))
        except psycopg.OperationalError:
            found.append(f"{name} (cannot be asked)")
    return found
