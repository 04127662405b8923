"""The fast lane: the calls that use key material, answered in the event loop; every other call is handed to `dispatch`.

Start with `lane` (one request from end to end), then `group` (many of them in one commit). `seen` is what a process remembers
between calls, none of which is trusted before `group` has compared it with the database in the transaction that records the use.
`tables` is the SQL of that comparison, `connection` is HTTP. The operations, rules, engine, errors and events are everybody's.
"""
