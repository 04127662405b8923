"""Pages over several floors: the overview, instances with their keys, the way into the admin."""
