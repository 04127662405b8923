"""Floor 3: accounts, people, AccessKeys, the root key, and who may do what.

May import: base, crypto, audit. Start with `rules` (pure) and `operations`.
"""
