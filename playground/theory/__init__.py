"""Closed forms: exact denoisers, points in the plane, the variational bound."""
