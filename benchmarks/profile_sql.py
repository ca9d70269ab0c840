"""Functions that take the product's own steps one by one, so that each can be timed inside the server."""

from __future__ import annotations

from benchmarks.models import FEATURES

FETCH = """
create or replace function profile_fetch(columns integer, packed boolean) returns bigint language plpgsql as $$
declare
    input refcursor;
    names text := (select string_agg('c' || n, ', ') from generate_series(1, columns) as n);
    types text := (select string_agg('c' || n || ' float8', ', ') from generate_series(1, columns) as n);
    packs text := (select string_agg(', ml._bytes(array_agg(c' || n || '))', '') from generate_series(1, columns) as n);
    found bigint;
    total bigint := 0;
begin
    open input no scroll for execute 'select ' || names || ' from numbers';
    loop
        execute 'select count(*)' || case when packed then packs else '' end
            || ' from ml._fetch($1, 10000) as input (' || types || ')' into found using input::text;
        exit when found = 0;
        total := total + found;
    end loop;
    return total;
end
$$
"""

EMPTY = """
create or replace function profile_empty(model_id text, input float8[], version text default null,
    tenant_id text default null) returns float8 language plpython3u stable as $$
return 0.0
$$
"""

EMPTY_JSONB = """
create or replace function profile_empty(model_id text, input jsonb, version text default null,
    tenant_id text default null) returns jsonb language plpython3u stable as $$
return '{}'
$$
"""

VISIBLE = """
create or replace function profile_visible(model_id text, input float8[], version text default null,
    tenant_id text default null) returns float8 language plpython3u stable as $$
if not SD:
    from motadata_ml_server.postgres import database
    from motadata_ml_server.models import visibility
    from motadata_ml_server.prediction import cache
    SD.update(current=database.current, visible=visibility.visible_version, predictor=cache.predictor_of)
db = SD["current"]()
SD["predictor"](db, SD["visible"](db, model_id, version, tenant_id))
return 0.0
$$
"""

STEPS = """
create or replace function profile_row(model_id text, source text) returns text language plpython3u as $$
import json
import time
from motadata_ml_server.models import visibility
from motadata_ml_server.postgres import database
from motadata_ml_server.prediction import cache
db = database.current()
predictor = cache.predictor_of(db, visibility.visible_version(db, model_id, None, None))
rows = [row["input"] for row in plpy.execute(source)]
def timed(call, *before):
    best = 1e9
    for _ in range(5):
        started = time.perf_counter()
        for row in rows:
            for step in before:
                step(row)
            call(row)
        best = min(best, time.perf_counter() - started)
    return best / len(rows) * 1e6
found = {}
if isinstance(rows[0], str):
    found["parse"] = timed(json.loads)
    rows = [json.loads(row) for row in rows]
runtime = predictor._runtime
found["predictor"] = timed(predictor.one if "parse" in found else predictor.value)
found["scores"] = timed(runtime.scores)
if hasattr(runtime, "_binding"):
    found["encode"] = timed(runtime._row.fill)
    run, binding = runtime._session.run_with_iobinding, runtime._binding
    found["runtime"] = timed(lambda row: run(binding), runtime._row.fill) - found["encode"]
return json.dumps(found)
$$
"""

BATCH = """
create or replace function profile_batch(model_id text, source text) returns text language plpython3u as $$
import json
import time
from motadata_ml_server.postgres import database
from motadata_ml_server.models import visibility
from motadata_ml_server.prediction import batch, cache
db = database.current()
predictor = cache.predictor_of(db, visibility.visible_version(db, model_id, None, None))
spent = dict.fromkeys(("read", "decode", "predict"), 0.0)
def timed(step, call, *values):
    started = time.perf_counter()
    try:
        return call(*values)
    finally:
        spent[step] += time.perf_counter() - started
def reading(*values, **named):
    chunks = read_chunks(*values, **named)
    while (chunk := timed("read", next, chunks, None)) is not None:
        yield chunk
class Timed:
    def __getattr__(self, name):
        return getattr(predictor, name)
    def batch(self, table, threads=1):
        return timed("predict", predictor.batch, table, threads)
read_chunks, decode_table = batch.read_chunks, batch.decode_table
batch.read_chunks = reading
batch.decode_table = lambda *values: timed("decode", decode_table, *values)
started = time.perf_counter()
try:
    for _ in batch.predict_chunks(db, Timed(), source, None):
        pass
finally:
    batch.read_chunks, batch.decode_table = read_chunks, decode_table
spent["pack"] = time.perf_counter() - started - sum(spent.values())
return json.dumps(spent)
$$
"""

TRAIN = """
create or replace function profile_train(source text, algorithm text) returns text language plpython3u as $$
import json
import time
from motadata_ml_server.models import store
from motadata_ml_server.postgres import database
from motadata_ml_server.tenants import resolution
from motadata_ml_server.training import command, results
from motadata_ml_server.training.arguments import Arguments
from motadata_ml_server.training.supervisor import Worker
db = database.current()
times = [("start", time.perf_counter())]
class Recorder:
    def tell(self, step, *_, **more):
        times.append((step, time.perf_counter()))
    def flush(self):
        pass
arguments = Arguments(**{
    **{name: None for name in Arguments.__dataclass_fields__},
    "model_id": "profiled", "model_type": "classification", "training_data": source, "target": "label",
    "algorithm": algorithm, "random_state": 42, "test_size": 0.2,
})
job = command._prepare(db, arguments)
times.append(("prepared", time.perf_counter()))
with Worker(db, job.spec.algorithm, job.execution.threads, job.execution.max_memory_mb) as worker:
    times.append(("started", time.perf_counter()))
    result = command._run(db, worker, job, Recorder())
    times.append(("result", time.perf_counter()))
    role = db.query("select current_user::text as name")[0]["name"]
    fields = command._fields(db, job, result, arguments, 0.0)
    new = store.NewVersion(resolution.resolve(db, None), "profiled", job.spec.model_type, True, role, fields,
        results.artifacts_of(result.artifacts, worker.artifacts), [])
    store.store(db, new)
    times.append(("stored", time.perf_counter()))
times.append(("ended", time.perf_counter()))
return json.dumps({"times": times, "fit": result.model.fit_seconds})
$$
"""

COLD = {
    "interpreter": "do language plpython3u 'pass'",
    "imports": "do language plpython3u 'import motadata_ml_server.entrypoints'",
    "look_up": "do language plpython3u $$from motadata_ml_server.postgres import database\n"
    "from motadata_ml_server.models import visibility\n"
    "visibility.visible_version(database.current(), 'forest', None, None)$$",
    "runtime": "do language plpython3u $$from motadata_ml_server.prediction.runtimes import onnx_library\n"
    "onnx_library.load()$$",
    "load": "do language plpython3u $$from motadata_ml_server.postgres import database\n"
    "from motadata_ml_server.models import visibility\n"
    "from motadata_ml_server.prediction import cache\n"
    "db = database.current()\n"
    "cache.predictor_of(db, visibility.visible_version(db, 'forest', None, None))$$",
    "predict": "select ml.predict_value('forest', array_fill(0.5::float8, array[10]))",
}
"""Statements of a new session, each of which adds one step of the first prediction."""

ALL = (FETCH, EMPTY, EMPTY_JSONB, VISIBLE, STEPS, BATCH, TRAIN)

SCAN = "select " + ", ".join(f"sum(c{n})" for n in range(1, 12)) + " from numbers"
SCAN_FEATURES = "select " + ", ".join(f"sum({name})" for name in FEATURES) + " from points"
