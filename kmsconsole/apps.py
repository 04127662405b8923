from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "kmsconsole"
    verbose_name = "KMS Console"
