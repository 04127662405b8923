"""Top floor: settings, URLs, Celery, middleware, and pages over all floors. Imported by nobody below."""
