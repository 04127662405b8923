"""Floor 5: keys, versions, material and aliases.

May import: base, crypto, audit, access, instances. Start with `states` (the table) and `rules` (why not), then
`operations`: each vendor operation is one function there, and every door calls it.
"""
