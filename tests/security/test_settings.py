"""Settings and options: what a user may set chooses among what is allowed, and steers no code, file or address."""

from __future__ import annotations

import psycopg
import pytest

from tests.security.conftest import Actors, refusal, state

ADMINISTRATION = (
    "select ml.set_option('threads', '64')",
    "select ml.set_option('max_memory_mb', '1000000')",
    "select ml.set_option('session_cache_mb', null)",
    "select ml.set_quota('blue')",
    "select ml.set_quota('rouge', 0)",
    "select ml.refresh_usage()",
    "insert into ml.option (name, value, set_by) values ('threads', '64', 'x')",
    "update ml.option set value = '64'",
    "delete from ml.option",
    "insert into ml.quota (tenant_id, set_by) values ('blue', 'x')",
    "update ml.quota set max_models = null",
    "delete from ml.quota",
)

SERVER = (
    "alter system set shared_preload_libraries = 'x'",
    "set session_preload_libraries = 'x'",
    "set dynamic_library_path = '/tmp'",
    "set session_replication_role = replica",
    "set log_statement = 'none'",
    "set lc_messages = 'C'",
    "set zero_damaged_pages = on",
    "alter database {database} set ml.tenant_id = 'rouge'",
    "alter role {red} set ml.tenant_id = 'blue'",
    "grant set on parameter session_preload_libraries to current_user",
)


@pytest.mark.parametrize("attempt", ADMINISTRATION)
def test_options_and_quotas_are_the_owners(actors: Actors, attempt: str) -> None:
    before = state(actors.superuser)
    for session in (actors.blue, actors.chief, actors.nobody, actors.pool):
        assert refusal(session, attempt).sqlstate == "42501"
    assert state(actors.superuser) == before


@pytest.mark.parametrize("attempt", SERVER)
def test_settings_of_the_server_are_the_superusers(actors: Actors, attempt: str) -> None:
    statement = attempt.format(database=f'"{actors.dbname}"', red=f'"{actors.red.info.user}"')
    assert refusal(actors.blue, statement).sqlstate == "42501"


@pytest.mark.parametrize(
    "name",
    ["virtual_env", "python", "python_path", "python_home", "worker", "venv", "library_path", "cache_dir", "model_path",
     "threads", "max_memory_mb", "superuser", "owner", "role", "allow_pickle", "trusted_types", "url", "proxy"],
)  # fmt: skip
def test_a_setting_of_ones_own_invention_does_nothing(actors: Actors, name: str) -> None:
    call = "select ml.predict('m', array[60, 0])"
    honest = actors.blue.execute(call.encode()).fetchone()
    options = actors.blue.execute("select name, value from ml.options order by 1").fetchall()
    for prefix in ("ml", "plpython3", "motadata_ml"):
        actors.blue.execute(f"set {prefix}.{name} = '/tmp/evil'".encode())
    assert actors.blue.execute(call.encode()).fetchone() == honest
    assert actors.blue.execute("select name, value from ml.options order by 1").fetchall() == options


@pytest.mark.parametrize("value", ["rouge", "ROUGE", "rouge ", "blue,rouge", "' or true --", "*", "%", "default"])
def test_the_tenant_setting_chooses_and_never_allows(actors: Actors, value: str) -> None:
    actors.blue.execute("select set_config('ml.tenant_id', %s, false)", [value])
    assert refusal(actors.blue, "select ml.predict('m', array[60, 0])").sqlstate == "ML012"
    assert refusal(actors.blue, "select ml.list_models()").sqlstate == "ML012"


def test_a_session_that_begins_with_settings_gets_no_further(actors: Actors) -> None:
    dsn = psycopg.conninfo.make_conninfo(actors.blue.info.dsn, options="-c ml.tenant_id=rouge -c row_security=off")
    with psycopg.connect(dsn, autocommit=True) as session:
        assert refusal(session, "select ml.predict('m', array[60, 0])").sqlstate in ("42501", "ML012")


def test_row_security_cannot_be_switched_off(actors: Actors) -> None:
    actors.blue.execute("set row_security = off")
    for view in ("models", "model_versions", "trials"):  # no policy is what answers
        shown = actors.blue.execute(f"select t::text from ml.{view} as t".encode()).fetchall()
        assert "rouge" not in str(shown), view
    for table in ("model", "model_version", "trial"):
        assert refusal(actors.blue, f"select * from ml.{table}").sqlstate == "42501"
    assert refusal(actors.blue, "select ml.predict('only rouge', array[60, 0])").sqlstate in ("42501", "ML001")


def test_every_option_is_a_bounded_number(actors: Actors) -> None:
    """No option names a file, an address or code, so none could steer them, whoever sets it."""
    rows = actors.superuser.execute("select name, default_value from ml.options").fetchall()
    assert len(rows) >= 4
    for name, default in rows:
        assert default.isdigit(), name
        for value in ("/etc/passwd", "http://example.com", "1; drop table x", "-1", "1e9", "", "9" * 30):
            assert refusal(actors.superuser, "select ml.set_option(%s, %s)", name, value).sqlstate == "ML009"
