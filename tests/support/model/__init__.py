"""The protocol's model: the operator's real code on simulated time, API server, commits and sessions.

`world.py` is one run, step by step; `explore.py` chooses the steps; `laws.py` says what must hold after each.
"""
