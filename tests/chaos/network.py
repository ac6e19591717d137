"""A network of the test's own: a namespace at the end of a cable that can be cut."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Cable:
    """Two ends of a cable: ours, and that of a namespace in which processes are started."""

    namespace: str
    near: str
    far: str

    @property
    def into(self) -> tuple[str, ...]:
        """What to put before a command that is to run at the far end."""
        return ("ip", "netns", "exec", self.namespace)

    def cut(self) -> None:
        """Let every packet vanish, both ways; nobody is told."""
        self._rules("drop")

    def lose(self, percent: int) -> None:
        """Let every so manieth packet vanish, both ways, by chance."""
        self._rules(f"numgen random mod 100 < {percent} drop")

    def heal(self) -> None:
        """Let every packet through again."""
        _run(*self.into, "nft", "flush", "ruleset")

    def slow(self, rate: str) -> None:
        """Let only so much through, both ways."""
        shape = ("root", "tbf", "rate", rate, "burst", "8kb", "latency", "500ms")
        _run("tc", "qdisc", "replace", "dev", f"{self.namespace}n", *shape)
        _run(*self.into, "tc", "qdisc", "replace", "dev", f"{self.namespace}f", *shape)

    def _rules(self, rule: str) -> None:
        self.heal()
        _run(
            *self.into,
            *("nft", "-f", "-"),
            typed=f"""
            table inet chaos {{
              chain incoming {{ type filter hook input priority 0; {rule}; }}
              chain outgoing {{ type filter hook output priority 0; {rule}; }}
            }}""",
        )


@contextmanager
def cable() -> Iterator[Cable]:
    """Lay a cable to a new namespace; both are gone after the block."""
    pid = os.getpid()
    net = f"10.{192 + pid % 50}.{pid // 50 % 256}"
    made = Cable(f"pgq{pid}", f"{net}.1", f"{net}.2")
    name, near, far = made.namespace, f"{made.namespace}n", f"{made.namespace}f"
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        _run("ip", "link", "set", far, "netns", name)
        _run("ip", "address", "add", f"{made.near}/30", "dev", near)
        _run("ip", "link", "set", near, "up")
        _run(*made.into, "ip", "address", "add", f"{made.far}/30", "dev", far)
        _run(*made.into, "ip", "link", "set", far, "up")
        _run(*made.into, "ip", "link", "set", "lo", "up")
        yield made
    finally:
        # Its end of the cable goes with it, and then ours.
        _run("ip", "netns", "delete", name)


def _run(*command: str, typed: str = "") -> None:
    ended = subprocess.run(command, input=typed, capture_output=True, text=True)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
