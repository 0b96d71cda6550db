"""Everybody's denoising steps in one batch."""

from playground.engine.batching import Engine
from playground.engine.jobs import Job, job_for
from playground.engine.registry import close_engines, forget, get_engine, spread_over
from playground.engine.tasks import Runner, Step, together

__all__ = [
    "Engine",
    "Job",
    "Runner",
    "Step",
    "close_engines",
    "forget",
    "get_engine",
    "job_for",
    "spread_over",
    "together",
]
