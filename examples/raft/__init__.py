"""Raft: one class of server, run for real by `main.py` and under seeded faults by `check.py`."""
