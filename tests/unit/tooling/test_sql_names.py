"""Every name in the extension's scripts is qualified: no search path, and no schema that somebody prepared, decides."""

from __future__ import annotations

import re

import pytest

from motadata_ml import __version__
from motadata_ml.install import extension_files
from motadata_ml.install.script import sources
from tests.unit.tooling.sql_names import unqualified

UNQUALIFIED = [
    ("select count(*) from ml.model", "function count"),
    ("select pg_catalog.count(*) from model", "relation model"),
    ("select a || b from ml.t", "operator ||"),
    ("select a in (1, 2) from ml.t", "operator ="),
    ("select a between 1 and 2 from ml.t", "operator BETWEEN"),
    ("select a like 'x' from ml.t", "operator ~~"),
    ("select a is distinct from b from ml.t", "operator ="),
    ("select nullif(a, b) from ml.t", "operator ="),
    ("select a in (select b from ml.u) from ml.t", "operator of a subquery"),
    ("select case a when 1 then 2 end from ml.t", "operator = of CASE"),
    ("select 1 from ml.t join ml.u using (id)", "operator = of JOIN USING"),
    ("select a from ml.t order by a using <", "operator < of ORDER BY USING"),
    ("select a::text from ml.t", "type text"),
    ("create table ml.t (a jsonb)", "type jsonb"),
    ("create table ml.t (a integer default length('x'))", "function length"),
    ("create table ml.t (a integer check (a > 0))", "operator >"),
    ("create view ml.v as select unnest(a) as b from ml.t", "function unnest"),
    ("create policy p on ml.t using (a = current_user)", "operator ="),
    ("create function f() returns pg_catalog.void language sql as ''", "new function f"),
    ("comment on function ml.f(text) is 'x'", "type text"),
    ("create function ml.f() returns integer language sql as $$ select abs(1) $$", "function abs"),
    ("create function ml.f() returns integer language plpgsql as $$ begin return abs(1); end $$", "function abs"),
    ("do $$ declare x text; begin null; end $$", "type text"),
    ("do $$ begin if 1 = 2 then null; end if; end $$", "operator ="),
    ("do $$ declare x pg_catalog.text; begin x := upper('a'); end $$", "function upper"),
    ("do $$ begin execute format('select 1'); end $$", "function format"),
    ("do $$ begin raise exception using message = format('x'); end $$", "function format"),
    ("do $$ begin perform count(*) from ml.t; end $$", "function count"),
    ("do $$ declare x pg_catalog.int8; begin select count(*) into x from ml.t; end $$", "function count"),
]


@pytest.mark.parametrize(("script", "name"), UNQUALIFIED)
def test_an_unqualified_name_is_found(script: str, name: str) -> None:
    assert set(unqualified(script)) == {name}


def test_what_the_grammar_itself_qualifies_is_not_reported() -> None:
    script = """
    \\echo nothing \\quit
    with own as (select 1 as a)
    select a::integer, coalesce(a, 1), substring('x' for 1), current_user, a operator(pg_catalog.=) 1
    from own where a operator(pg_catalog.=) any (array[1]) and exists (select from ml.model) order by a desc
    """
    assert unqualified(script) == []


def test_the_install_script_leaves_no_name_to_the_search_path() -> None:
    assert unqualified(extension_files()[f"motadata_ml--{__version__}.sql"]) == []


def test_the_newest_hop_leaves_no_name_to_the_search_path() -> None:
    [hop] = [text for name, text in extension_files().items() if re.fullmatch(rf".*--.*--{__version__}\.sql", name)]
    assert unqualified(hop) == []


def test_each_script_looks_at_the_schema_before_all_else() -> None:
    guard = (sources()[0] / "00_schema.sql").read_text(encoding="utf-8")
    newest = [text for name, text in extension_files().items() if name.endswith(f"--{__version__}.sql")]
    assert len(newest) == 2
    for text in newest:
        assert text.split("\n", 1)[1].lstrip("\n").startswith(guard)
