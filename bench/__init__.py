"""``make bench``: what Encrypt costs, beside an empty Django view on the same server. Nothing here asserts a time."""
