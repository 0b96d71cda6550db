"""The replicas in the hands of Ray Serve (docs.ray.io/en/latest/serve), on this machine or on a cluster.

Ray starts them, routes each run to one that has less to do than another, and starts anew one that has ended. The page's
machine is one of the cluster's: Ray's client protocol, for machines outside of it, has no streams.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import torch

from playground.engine.registry import forget, get_engine
from playground.engine.replicas import Gone, Message
from playground.engine.tasks import packed
from playground.errors import UserError
from playground.models.devices import cpu_quota

NAME = "diffusion-playground"
CORES = 4  # of a replica without a GPU, on a cluster
RUNS = 1000  # at a time on a replica: how many pictures it takes is the engine's to say
HOME = str(Path(__file__).resolve().parents[2])


class Replica:
    """A process with engines of its own, one for each checkpoint that it is asked for."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self.folders: set[str] = set()

    async def run(self, folder: str, device: str, jobs: Sequence[bytes], who: str) -> AsyncIterator[Message]:
        """What happens to some jobs, as `replicas.Message` has it."""
        for gone in [known for known in self.folders if not Path(known).exists()]:
            self.folders.discard(gone)
            forget(gone)
        try:
            engine = await asyncio.to_thread(get_engine, folder, device)
            self.folders.add(folder)
            yield "told", self.name, engine.stats()
            run = engine.run([pickle.loads(job) for job in jobs], who)
        except UserError as error:
            yield "failed", error.template, error.params
            return
        try:
            yield "begun", self.name, engine.stats()
            async for steps in _together(run):
                yield "steps", steps
            yield "told", self.name, engine.stats()
        except UserError as error:
            yield "failed", error.template, error.params
        finally:
            run.close()


async def _together(run: Iterator) -> AsyncIterator[list[tuple]]:
    """The steps of a run, packed: all that have come since the last were taken."""
    loop, come = asyncio.get_running_loop(), asyncio.Queue()

    def read() -> None:
        end = None
        try:
            for step in run:
                loop.call_soon_threadsafe(come.put_nowait, packed(step))
        except UserError as error:
            end = error
        loop.call_soon_threadsafe(come.put_nowait, end)

    threading.Thread(target=read, daemon=True).start()
    going = True
    while going:
        got = [await come.get()]
        while not come.empty():
            got.append(come.get_nowait())
        going = isinstance(got[-1], tuple)
        if steps := got if going else got[:-1]:
            yield steps
    if got[-1] is not None:
        raise got[-1]


class Cluster:
    """The replicas, seen from the page."""

    def __init__(self, handle, count: int) -> None:
        self.count, self._handle = count, handle.options(stream=True)

    def ask(self, folder: str, device: str, jobs: Sequence[bytes], who: str) -> Iterator[Message]:
        from ray.exceptions import RayActorError

        answer = self._handle.run.remote(folder, device, jobs, who)
        try:
            yield from answer
        except RayActorError as error:
            raise Gone from error
        finally:
            answer.cancel()


def open_replicas(where: str) -> Cluster:
    """The engines of "local:N", N of them on this machine, or of "ray://HOST:PORT", one on each GPU of a Ray cluster
    that this machine is part of (without GPUs, one for every four cores). Those of another page are shared with it.

    Raises:
        UserError: Ray is not installed, the cluster can't be reached, or `where` is neither.
    """
    found = re.fullmatch(r"local:([1-9]\d?)|ray://([^/\s]+:\d+)/?", where)
    if not found:
        raise UserError("--engines takes local:N, for N engines on this machine, or a cluster's ray://HOST:PORT.")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise UserError("--engines needs Ray: pip install 'ray[serve]'.") from error
    quiet = dict(log_to_driver=False, logging_level=logging.ERROR)
    for name in ("ray", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if found[1]:
        count, gpus = int(found[1]), torch.cuda.device_count()
        cores = max(1, cpu_quota() // count)
        ray.init(address="local", num_cpus=count, include_dashboard=False, object_store_memory=2**28, **quiet)
        needs = {"num_cpus": 1, "num_gpus": gpus / count}
    else:
        try:
            ray.init(address=found[2], **quiet)
        except Exception as error:
            raise UserError(
                "There is no Ray cluster at {where} that this machine is part of; first: ray start --address={address}",
                where=where,
                address=found[2],
            ) from error
        has = ray.cluster_resources()
        gpus, cores = int(has.get("GPU", 0)), min(CORES, max(1, int(has.get("CPU", 1))))
        count = gpus or max(1, int(has.get("CPU", 1)) // cores)
        needs = {"num_cpus": 1, "num_gpus": 1} if gpus else {"num_cpus": cores}
    serve.start(proxy_location="Disabled", logging_config={"log_level": "ERROR"})
    if NAME in serve.status().applications:
        return Cluster(serve.get_app_handle(NAME), count)
    variables = {"PYTHONPATH": HOME, "OMP_NUM_THREADS": str(cores), "PLAYGROUND_TIMED": "0"}
    deployment = serve.deployment(
        Replica,
        num_replicas=count,
        max_ongoing_requests=RUNS,
        health_check_period_s=2,
        graceful_shutdown_timeout_s=5,
        ray_actor_options=needs | {"runtime_env": {"env_vars": variables}},
    )
    return Cluster(serve.run(deployment.bind(), name=NAME, route_prefix=None), count)
