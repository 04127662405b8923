"""Floor 0: five small files every floor needs.

May import the standard library only. Start with `refusal` (why something is not done) and `caller`
(who asks, through which door, at what time); `clock`, `ids` and `page` are tools.
"""
