"""Keys in hardware security modules, through PKCS#11 and `python-pkcs11`.

`provider` is what the engine sees; `cluster` speaks to all members, `member` to one token with its pool of sessions, and
`module` keeps one vendor library safe for threads, forks and other processes. Start with `provider`. Nothing here creates a
key that is missing, nor does its work in software; a PIN is read when it is used and never kept.
"""
