"""Keeps the processes of `manage.py serve` alive and ends them together.

What each line is for was found by killing things (docs/design.md, "One command"):
1. Each child leads a session of its own, so Ctrl-C at the terminal reaches the supervisor only and it decides the order.
2. Each child asks the kernel for SIGTERM when the supervisor dies, so `kill -9` of the supervisor leaves nothing behind.
3. A dead child's whole group is killed before it starts again: orphaned workers would keep the port and serve old code.
4. Signals are blocked and fetched with `sigtimedwait`: no handler runs in the middle of anything, and none is lost.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GRACE = 20.0
LONG_ENOUGH = 60.0
LONGEST_PAUSE = 8.0
FIRST_TRIES = 5
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Child:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_again: float = 0.0
    failures: int = field(default=0)

    def start(self) -> None:
        parent = os.getpid()

        def in_child() -> None:
            os.setsid()
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

        # Whatever a child prints is log, and the supervisor's own output is for people and scripts.
        self.process = subprocess.Popen(self.command, env=dict(self.environment), cwd=self.folder,  # noqa: S603
                                        stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=in_child)
        self.started = time.monotonic()

    def send(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill_group(self) -> None:
        """Also where the child itself is long dead: its workers may live."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """`run` returns 0 after a clean end, 130 after an impatient one (a second Ctrl-C), 1 where a child never starts."""

    def __init__(self, children: Sequence[Child], say: Callable[[str], None], ready: Callable[[], bool],
                 when_ready: Callable[[], None]) -> None:
        self.children = children
        self.say = say
        self.ready = ready
        self.when_ready = when_ready

    def run(self) -> int:
        ends = {signal.SIGINT, signal.SIGTERM}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            ends.add(signal.SIGHUP)
        # Children are started with these blocked and unblock them themselves.
        signal.pthread_sigmask(signal.SIG_BLOCK, ends | {signal.SIGCHLD})
        try:
            for child in self.children:
                child.start()
            well = self._watch(ends)
            return self._end(ends) or (0 if well else 1)
        finally:
            for child in self.children:
                child.kill_group()

    def _watch(self, ends: set[signal.Signals]) -> bool:
        """Until the first signal to end. False where a child fails again and again before the product was ever ready:
        then nothing will come of trying, and whoever started us should hear of it."""
        told = False
        while True:
            caught = signal.sigtimedwait(ends | {signal.SIGCHLD}, 1.0 if told else 0.1)
            if caught is not None and caught.si_signo in ends:
                return True
            now = time.monotonic()
            for child in self.children:
                self._look_after(child, now)
                if not told and child.failures >= FIRST_TRIES:
                    self.say(f"{child.name} does not start; the reason stands above")
                    return False
            if not told and self.ready():
                told = True
                self.when_ready()

    def _look_after(self, child: Child, now: float) -> None:
        if child.alive():
            if child.failures and now - child.started > LONG_ENOUGH:
                child.failures = 0
            return
        if not child.start_again:
            child.kill_group()
            pause = min(2**child.failures / 4, LONGEST_PAUSE)
            child.failures += 1
            child.start_again = now + pause
            code = child.process.returncode if child.process else None
            self.say(f"{child.name} ended with {code}; starting it again in {pause:g} s")
        if now >= child.start_again:
            child.start_again = 0.0
            child.start()

    def _end(self, ends: set[signal.Signals]) -> int:
        """SIGTERM to each, GRACE seconds for all, then the groups; a second signal shortens the wait."""
        for child in self.children:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while any(child.alive() for child in self.children):
            left = deadline - time.monotonic()
            if left <= 0:
                slow = ", ".join(child.name for child in self.children if child.alive())
                self.say(f"{slow} did not end within {GRACE:g} s and is killed")
                return 0
            caught = signal.sigtimedwait(ends | {signal.SIGCHLD}, min(left, 0.2))
            if caught is not None and caught.si_signo in ends:
                return 130
        return 0
