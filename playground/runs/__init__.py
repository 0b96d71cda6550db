"""Runs: from plain settings to what the player shows and the endpoints return."""

from playground.runs.lanes import Lane, engine_for, lane_for
from playground.runs.live import Live
from playground.runs.records import sha256

__all__ = ["Lane", "Live", "engine_for", "lane_for", "sha256"]
