"""The whole product as a user starts it: `manage.py serve` with its four children, on free ports and its own data."""
