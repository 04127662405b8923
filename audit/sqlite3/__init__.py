"""Django's SQLite back end, whose transactions take turns (`audit.turns`). ENGINE is ``audit.sqlite3``."""
