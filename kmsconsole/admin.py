from django.contrib import admin

from audit.admin import ReadOnly
from kmsconsole.models import Heartbeat


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly):
    """When the clock last ticked."""
