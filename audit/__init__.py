"""Floor 2: what happened, allowed or refused. Everybody writes here; this floor knows nobody.

May import: base, crypto. Start with `recording`: `record` inside the change's own transaction, `refusal` after it.
"""
