"""A process that has imported much, and forks for each `flask` and `python` that is run.

    with warm(environ, imports) as programs     it runs; programs called `flask` and `python` are in that folder

What a reader types is what runs: both are found in PATH, take arguments, folder, environment and pipes, and end with
an exit code. They only do not import Flask and SQLAlchemy anew each time, which takes longer than all else together.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

# Nearly everything, the models of flaskkit as well.
EVERYTHING = (
    *("flask.cli", "flask_migrate", "pytest", "sqlalchemy.dialects.sqlite", "flaskkit.app", "flaskkit.auth.users"),
    *("flaskkit.admin", "flaskkit.api", "flaskkit.files", "flaskkit.history", "flaskkit.i18n", "flaskkit.limits"),
    *("flaskkit.mail", "flaskkit.migrate", "flaskkit.pages", "flaskkit.security"),
)

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


@contextmanager
def warm(environ: dict[str, str], imports: Sequence[str]) -> Iterator[Path]:
    """Give the folder of both programs, while a process stands behind them that was started with *environ*."""
    # The path of a socket is short, that of pytest's folders may be long. Nothing that a program writes may be in
    # this folder, or a program could import it.
    with tempfile.TemporaryDirectory(prefix="warm") as folder:
        path, programs = str(Path(folder) / "socket"), Path(folder) / "bin"
        programs.mkdir()
        for name in ("flask", "python"):
            program = programs / name
            program.write_text(SHIM.format(python=sys.executable, path=path), "utf-8")
            program.chmod(0o755)
        command = [sys.executable, "-W", "error", __file__, path, *imports]
        with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield programs
            process.terminate()


def serve(path: str, imports: Sequence[str]) -> None:
    """Fork for each call that comes, until somebody ends this process or the one that started it is gone."""
    for name in imports:
        import_module(name)
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
    """Run `flask` or `python` to its end and return the exit code."""
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


WHAT = {"flask": flask, "python": python}

if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
