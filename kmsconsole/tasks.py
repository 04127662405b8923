"""The clock's messages to people; and its own sign of life: beat sent it, the broker carried it, a worker ran it and the
database took it."""

from celery import shared_task

from base import clock
from kmsconsole import notices
from kmsconsole.models import Heartbeat
from kmsconsole.schedule import CLOCK


@shared_task
def heartbeat() -> None:
    Heartbeat.beat(CLOCK, clock.real_now())


@shared_task
def send_notices() -> int:
    return notices.send(clock.now())
