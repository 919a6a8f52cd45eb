"""A process that has imported what pages need, and forks for each page and each `flask` and `python` in it.

    Warm(folder)                 starts it; its socket, and programs called `flask` and `python`, are in *folder*
    .run(page, in_folder)        runs the examples of one page there   ->  exit code and output

What a reader types is what runs: both are found in PATH, take arguments, folder, environment and pipes, and end with
an exit code. They only do not import Flask and SQLAlchemy anew each time, which takes longer than all else together.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
SOCKET = "WARM_SOCKET"

# The text of both: hands over what it was given, passes SIGTERM on, and ends as the other end says.
SHIM = """#!{python} -IS
import array, json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect({path!r})
    call = json.dumps([os.path.basename(sys.argv[0]), sys.argv, os.getcwd(), dict(os.environ)]).encode()
    fds = array.array("i", [0, 1, 2])
    there.sendmsg([len(call).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    there.sendall(call)
    answers = there.makefile()
    worker = int(answers.readline())
    signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGTERM))
    sys.exit(int(answers.readline() or 1))
"""


class Warm:
    """The process, from the side of the tests."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.path = str(folder / "socket")
        (folder / "bin").mkdir()
        for name in ("flask", "python"):
            program = folder / "bin" / name
            program.write_text(SHIM.format(python=sys.executable, path=self.path), "utf-8")
            program.chmod(0o755)
        self.environ = {**environ, SOCKET: self.path}
        # Nothing that a page writes may be in this folder, or a page could import it.
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", __file__, self.path], cwd=folder, env=environ, stdout=subprocess.PIPE
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n"

    def run(self, page: Path, folder: Path) -> tuple[int, str]:
        """Run the examples of *page* in *folder*."""
        with socket.socket(socket.AF_UNIX) as there, open(folder / ".output", "w+", encoding="utf-8") as output:
            there.connect(self.path)
            call = json.dumps(["page", [str(page)], str(folder), self.environ]).encode()
            fds = array.array("i", [output.fileno()] * 3)
            there.sendmsg([len(call).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            there.sendall(call)
            answers = there.makefile()
            answers.readline()
            code = int(answers.readline() or 1)
            output.seek(0)
            return code, output.read()

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


def serve(path: str) -> None:
    """Fork for each call that comes, until somebody ends this process or the one that started it is gone."""
    warm_up()
    with socket.socket(socket.AF_UNIX) as here:
        here.bind(path)
        here.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children, so none may stay behind
        print("ready", flush=True)
        parent = os.getppid()
        here.settimeout(5)
        while os.getppid() == parent:
            try:
                there, _ = here.accept()
            except TimeoutError:
                continue
            there.settimeout(None)
            if os.fork() == 0:
                here.close()
                os._exit(answer(there))
            there.close()


def warm_up() -> None:
    """Import what most pages need, and no app."""
    import flask.cli  # noqa: F401
    import flask_migrate  # noqa: F401
    import pytest  # noqa: F401
    import run_page  # noqa: F401
    import sqlalchemy.dialects.sqlite  # noqa: F401

    import flaskkit

    for name in flaskkit.__all__:
        getattr(flaskkit, name)


def answer(there: socket.socket) -> int:
    """Do what one call asks for, in this forked process, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, fds, _, _ = socket.recv_fds(there, 4, 3)
    wanted = int.from_bytes(head, "big")
    what, arguments, folder, environ = json.loads(there.recv(wanted, socket.MSG_WAITALL))
    there.sendall(f"{os.getpid()}\n".encode())
    for here, fd in enumerate(fds):
        os.dup2(fd, here)
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    code = ended(what, arguments)
    there.sendall(f"{code}\n".encode())
    return code


def ended(what: str, arguments: Sequence[str]) -> int:
    """Run a page, `flask` or `python` to its end and return the exit code."""
    import atexit
    import threading

    try:
        code = WHAT[what](arguments) or 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    # As at the end of every Python program: threads that deliver mail are waited for.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def page(arguments: Sequence[str]) -> None:
    import run_page

    run_page.main(Path(arguments[0]))


def flask(arguments: Sequence[str]) -> None:
    import flask.cli

    sys.argv = [*arguments]
    sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    flask.cli.main()


def python(arguments: Sequence[str]) -> None:
    """Run `python -m module …`, `python -c text …` or `python file …`."""
    import runpy

    _, first, *others = arguments
    sys.path[:0] = ["", *(entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry)]
    if first == "-m":
        sys.argv = others
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *others[1:]]
        exec(others[0], {"__name__": "__main__"})
    else:
        sys.argv = [first, *others]
        runpy.run_path(first, run_name="__main__")


WHAT = {"page": page, "flask": flask, "python": python}

if __name__ == "__main__":
    serve(sys.argv[1])
