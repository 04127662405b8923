"""Floor 2: what happened, allowed or refused. Everybody writes here; this floor knows nobody.
It is also the outbox: `outbox` brings chosen events to people outside, at least once.

May import: base, crypto. Start with `recording`: `record` inside the change's own transaction, `refusal` after it.
"""
