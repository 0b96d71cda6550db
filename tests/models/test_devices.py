"""Threads for arithmetic: what one thread is told does not reach another one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from playground.models.devices import compute_with, one_thread


@pytest.fixture
def two():
    """This thread, and those that are new, compute with two."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_new_thread_keeps_its_number_whatever_another_one_says_before_its_first_work(two):
    with ThreadPoolExecutor(1, initializer=compute_with, initargs=(1,)) as pool:
        pool.submit(int).result()  # the thread is there, and has computed nothing yet
        torch.set_num_threads(2)
        pool.submit(lambda: torch.randn(64, 4096).exp()).result()
        assert pool.submit(torch.get_num_threads).result() == 1


def test_one_thread_is_within_only(two):
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
