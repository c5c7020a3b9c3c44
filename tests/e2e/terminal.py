# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a pseudo terminal of its own and talks to it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

DEADLINE_S = 20
_pid = 0
_terminal = -1
_seen = ""
_read_to = 0


def start(arguments):
    """Forks a session leader with the terminal as its own."""
    global _pid, _terminal
    _pid, _terminal = pty.fork()
    if _pid == 0:
        os.execvp(arguments[0], arguments)


def seen():
    """All output so far."""
    return _seen


def _read(timeout):
    """Reads some output; False at its end."""
    global _seen
    if not select.select([_terminal], [], [], timeout)[0]:
        return True
    try:
        text = os.read(_terminal, 4096)
    except OSError:
        return False
    _seen += text.decode(errors="replace").replace("\r\n", "\n")
    return bool(text)


def expect(regex):
    """Waits until output after the last match matches."""
    global _read_to
    deadline = time.monotonic() + DEADLINE_S
    while True:
        match = re.compile(regex).search(_seen, _read_to)
        if match:
            _read_to = match.end()
            return
        if time.monotonic() > deadline or not _read(0.1):
            if re.compile(regex).search(_seen, _read_to):
                continue
            raise SystemExit(f"{regex!r} did not come; output:\n{_seen}")


def wait_for(path, text):
    """Waits until a file has the text in it."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        if os.path.exists(path) and text in open(path).read():
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"{text!r} did not come into {path}")
        time.sleep(0.02)


def wait_for_state(command, state):
    """Waits until a process of the terminal's session is in a state, as ps shows it."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                text = open(f"/proc/{name}/stat").read()
            except OSError:
                continue
            fields = text[text.rindex(")") + 2:].split()
            comm = text[text.index("(") + 1:text.rindex(")")]
            if int(fields[3]) == _pid and re.search(command, comm) and fields[0] == state:
                return
        time.sleep(0.02)
    raise SystemExit(f"no {command!r} in state {state}; output:\n{_seen}")


def type(keys):
    os.write(_terminal, keys)


def resize(rows, columns):
    fcntl.ioctl(_terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


def send(number):
    """Sends the command a signal."""
    os.kill(_pid, number)


def hang_up():
    os.close(_terminal)


def finish(status):
    """Waits for the end and checks how it came."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        ended, code = os.waitpid(_pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(_pid, signal.SIGKILL)
            raise SystemExit(f"does not end; output:\n{_seen}")
        try:
            _read(0.02)
        except (OSError, ValueError):
            time.sleep(0.02)
    got = os.waitstatus_to_exitcode(code)
    assert got == status, f"status {got}, expected {status}; output:\n{_seen}"
