from importlib import import_module

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "kmsconsole"
    verbose_name = "KMS Console"

    def ready(self) -> None:
        """Whoever sends a message needs the application with its broker, not only worker and beat."""
        import_module("kmsconsole.celery")
