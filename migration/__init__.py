"""Moving an estate of 1.0 keys into an instance, and back.

May import everything up to `keys`; nobody but the console imports it, so it can be deleted whole. Start with `rules` (what
stands against a move), then `operations.moving` (one key, step by step) and `running` (a whole run).
"""
