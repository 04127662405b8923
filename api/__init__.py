"""Floor 8: the vendor's HTTP API, by dialect: request, signature, parameters, one call, answer. No models.

May import everything but kmsconsole. Start with `wsgi` (one request from end to end), then `calls` (the table of
operations). `signatures` is pure; `errors` holds every code the API can answer; `server` is the process around it all.
"""
