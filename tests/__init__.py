"""The tests, laid out as the packages are. Start with `conftest` (the cast and the parts) and `make` (objects)."""
