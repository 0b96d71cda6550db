"""Benchmarks: `python -m playground.bench NAME` prints a table and can write it as JSON.

Machines and moments differ; ratios within one run are what counts. So whatever is compared is measured in turn,
round by round, in the same minute, and the best of the rounds is told: the one least disturbed.
"""
