"""Floor 1: the crypto engine and its providers. No Django below this line.

May import: base. Start with `engine` (what callers use) and `provider` (what a back end must do).
"""
