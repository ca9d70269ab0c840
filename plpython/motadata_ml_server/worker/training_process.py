"""A training's process, once it is forked: waits for rows, fits, and hands back a result. Never runs in a backend."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import resource
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from motadata_ml_server.training.fork_protocol import Descriptors, ForkOrder
from motadata_ml_server.worker import lifetime

if TYPE_CHECKING:
    from motadata_ml_server.columns import ColumnSchema
    from motadata_ml_server.training.messages import Failure, Import, Result
    from motadata_ml_server.training.specification import Progress, TrainingSpec
    from motadata_ml_server.worker.fit import TrainedModel

IMPORT_SECONDS = 120
"""Of the processor, for reading, compiling and comparing a model from outside."""


def run(order: ForkOrder, descriptors: Descriptors) -> int:
    """Run one training; returns the exit status of the process, which has to end then.

    Parameters
    ----------
    order : ForkOrder
        Its limits.
    descriptors : Descriptors
        What it reads and writes.
    """
    os.setsid()
    lifetime.name("ml_training")
    # Results leave by a descriptor of their own: what a library prints must not mix with them.
    os.dup2(descriptors.requests, 0)
    os.dup2(descriptors.errors, 2)
    os.dup2(2, 1)
    requests, replies = os.fdopen(0, "rb", closefd=False), os.fdopen(descriptors.replies, "wb")
    limit = order.max_memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from motadata_ml_server.training import protocol

    result: Result | Failure
    try:
        _give_up_what_no_fit_needs()
        _be_another(order.threads)
        result = _train(requests, replies, descriptors.rows, descriptors.artifacts)
    except BaseException as error:
        result = _describe(error, order.max_memory_mb)
    protocol.send(replies, result)
    return 0


def _give_up_what_no_fit_needs() -> None:
    """Enter the sandbox, before a byte of the caller's is read.

    joblib comes first: as it is imported it makes a semaphore, in a folder that is closed afterwards, and without one
    it would use no threads.
    """
    import joblib  # noqa: F401

    from motadata_ml_server.worker import sandbox

    sandbox.enter()


def _be_another(threads: int) -> None:
    """Draw other random numbers than the processes forked before and after, and have threads of its own number."""
    import numpy as np

    random.seed()
    np.random.seed()
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), str(threads)))


def _train(requests: BinaryIO, replies: BinaryIO, rows_fd: int, artifacts_fd: int) -> Result:
    from motadata_ml_server.training import protocol
    from motadata_ml_server.training.messages import Import, Layouts, Order, Step
    from motadata_ml_server.training.specification import TrainingSpec

    order = protocol.receive(requests)
    if isinstance(order, Import):
        return _import(requests, rows_fd, artifacts_fd, order)
    if not isinstance(order, Order):
        os._exit(1)
    spec = TrainingSpec.from_json(order.spec)

    from motadata_ml_server.columns import ColumnSchema
    from motadata_ml_server.ingest.wire import decode_table
    from motadata_ml_server.persistence.light_sklearn import without_unneeded

    with without_unneeded():
        from motadata_ml_server.worker.fit import fit, prepare

        _stay_one_process()
        prepare(spec)
    _allow_threads(spec.threads)
    schemas = [ColumnSchema(**column) for column in order.columns]

    turns = threading.Lock()

    def progress(step: str, fraction: float, more: dict[str, Any]) -> None:
        with turns:  # a thread watches the fit, and tells too
            protocol.send(replies, Step(step, fraction, more))

    if order.stream:
        model, fingerprint_of_chunks = _stream(requests, replies, rows_fd, spec, schemas, order.classes, progress)
        return _hand_over(model, artifacts_fd, fingerprint_of_chunks)
    layouts = protocol.receive(requests)
    if not isinstance(layouts, Layouts):
        os._exit(1)
    _exit_at_end_of(requests)
    mapped = protocol.map_chunks(
        rows_fd, [layout for layout in (layouts.train, layouts.validation) if layout is not None]
    )
    tables = [decode_table(schemas, chunks) for chunks in mapped]

    fingerprint = _Fingerprint(rows_fd)
    fingerprint.start()
    model = fit(spec, tables[0], tables[1] if len(tables) > 1 else None, progress)
    fingerprint.join()
    return _hand_over(model, artifacts_fd, fingerprint.digest)


def _import(requests: BinaryIO, rows_fd: int, artifacts_fd: int, order: Import) -> Result:
    """Take a model from outside, in so many seconds of the processor at the most."""
    from motadata_ml_server.persistence.light_sklearn import without_unneeded

    resource.setrlimit(resource.RLIMIT_CPU, (IMPORT_SECONDS, IMPORT_SECONDS))
    with without_unneeded():
        from motadata_ml_server.worker.import_model import imported

        _stay_one_process()
    _exit_at_end_of(requests)
    data = os.pread(rows_fd, os.fstat(rows_fd).st_size, 0)
    return _hand_over(imported(data, order), artifacts_fd, hashlib.sha256(data).hexdigest())


def _stream(
    requests: BinaryIO,
    replies: BinaryIO,
    rows_fd: int,
    spec: TrainingSpec,
    schemas: list[ColumnSchema],
    classes: list[str] | None,
    progress: Progress,
) -> tuple[TrainedModel, str]:
    """Learn from chunks as they come; each is copied, so that the next can be written while it is learned from."""
    from motadata_ml_server.ingest.wire import decode_table
    from motadata_ml_server.training import protocol
    from motadata_ml_server.training.messages import NextChunk, Taken
    from motadata_ml_server.worker.stream_fit import StreamFit

    stream = StreamFit(spec, classes, progress)
    sha = hashlib.sha256()
    while True:
        message = protocol.receive(requests)
        if not isinstance(message, NextChunk):
            os._exit(1)
        if message.layout is None:
            return stream.finish(), sha.hexdigest()
        chunks = protocol.copy_chunks(rows_fd, message.layout)
        protocol.send(replies, Taken())
        for _, buffers in chunks:
            for buffer in buffers:
                sha.update(buffer)
        stream.feed(decode_table(schemas, chunks))


class _Fingerprint(threading.Thread):
    """SHA-256 of the rows as they came, computed beside the fit."""

    def __init__(self, rows_fd: int) -> None:
        super().__init__(daemon=True)
        self._rows_fd = rows_fd
        self.digest = ""

    def run(self) -> None:
        sha = hashlib.sha256()
        offset = 0
        while data := os.pread(self._rows_fd, 1 << 20, offset):
            sha.update(data)
            offset += len(data)
        self.digest = sha.hexdigest()


def _allow_threads(threads: int) -> None:
    """Let OpenBLAS have the training's threads: before the sandbox was entered it could start none outside of it."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)


def _stay_one_process() -> None:
    """Compute in threads where an estimator would start processes of its own.

    Those would live on after the worker is killed, leave files in /dev/shm, and have a memory limit each. The sandbox
    refuses them, and the semaphores that Python's pools of threads take from that folder as well: here a lock has to
    hold back threads alone.
    """
    import multiprocessing.context as processes

    import joblib
    from joblib.externals.loky.backend import context as loky

    loky.physical_cores_cache = os.cpu_count()  # it would start a program to count them
    processes.BaseContext.Lock = lambda _: threading.Lock()  # type: ignore[method-assign, assignment, return-value]
    joblib.parallel_config("threading")


def _exit_at_end_of(requests: BinaryIO) -> None:
    """End with the backend even where the parent-death signal does not reach."""

    def watch() -> None:
        requests.read(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _hand_over(model: TrainedModel, artifacts_fd: int, fingerprint: str) -> Result:
    from motadata_ml_server.training.messages import Result

    artifacts = []
    with os.fdopen(os.dup(artifacts_fd), "wb") as out:
        for kind, data in model.artifacts.items():
            out.write(data)
            artifacts.append((kind, len(data), hashlib.sha256(data).hexdigest()))
    return Result(artifacts, model.describe(), fingerprint)


def _describe(error: BaseException, max_memory_mb: int) -> Failure:
    from motadata_ml_server.errors import MotadataError, out_of_memory
    from motadata_ml_server.postgres.database import DatabaseError
    from motadata_ml_server.postgres.resources import refusal
    from motadata_ml_server.training.messages import Failure

    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        error = out_of_memory(max_memory_mb)
    error = refusal(error) or error
    if isinstance(error, (MotadataError, DatabaseError)):
        return Failure(error.sqlstate, error.message, error.hint, error.detail)
    return Failure(
        "ML015",
        f"training failed: {type(error).__name__}: {error}",
        "The text is the library's own; check the data and the hyperparameters.",
        None,
    )
