"""Floor 8: the vendor's HTTP API, by dialect: request, signature, parameters, one call, answer. No models.

May import everything but kmsconsole. Start with `wsgi`, then `calls` (the table of operations).
"""
