"""Show the line in a browser: live parts, one part in full, the history.

example:  inspector dashboard --port 8501
          inspector dashboard --home /srv/inspector --host 0.0.0.0     (reachable from other machines)

Everybody signs in; at the first start the password of 'admin' is made and shown once. 'inspector people' adds others.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.store import Store

SUMMARY = "serve the dashboard"

_FIRST_PORT = 8501
_PORTS_TRIED = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--home", metavar="DIR", help="folder of the installation (default: per-user data folder)")
    parser.add_argument(
        "--port", type=int, default=_FIRST_PORT, help=f"port to listen on (default {_FIRST_PORT}; 0 or one in use: the next free)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine only)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    from dashboards import queries
    from inspector.home import Home

    home = Home.at(arguments.home)
    port = free_port(arguments.host, arguments.port)
    if arguments.port not in (0, port):
        print(f"port {arguments.port} is in use, taking {port}", flush=True)
    os.environ["INSPECTOR_HOME"] = str(home.root.resolve())
    _make_first_admin(queries.store())  # a database that cannot be read is told before anything is served
    address = f"http://{_shown_host(arguments.host)}:{port}"
    serve(arguments.host, port, lambda: print(f"dashboard of {home.root}: {address}  (Ctrl-C ends it)", flush=True))
    return 0


def _make_first_admin(store: Store) -> None:
    """Let the first admin in, where nobody can sign in yet."""
    from inspector.access import FIRST_ADMIN, first_password
    from inspector.commands.output import is_kept

    if not store.people.everyone() and is_kept(sys.stdout):
        print("nobody can sign in yet, and no password is written to a log; run: inspector people add admin --role admin", flush=True)
    elif (password := first_password(store)) is not None:
        print(f"first start: sign in as {FIRST_ADMIN} with the password {password}   (shown this once; /password changes it)", flush=True)


def serve(host: str, port: int, announce: Callable[[], None] = lambda: None) -> None:
    """Run the web server until Ctrl-C or SIGTERM; `announce` is called when it answers. Reads `$INSPECTOR_HOME`."""
    from dashboards import server, theme

    if host not in ("127.0.0.1", "localhost", "::1"):
        os.environ.setdefault(server.ALLOWED_HOSTS_VARIABLE, "*")
    server.application(announce).run(config=theme.settings(host, port))


def free_port(host: str, wanted: int) -> int:
    """Return `wanted` if it can be had on `host`, else the next one that can. Raises UsageError."""
    from inspector.errors import UsageError

    first = wanted or _FIRST_PORT
    if not 0 < first < 65536:
        raise UsageError(f"--port {wanted}: must be from 0 to 65535")
    for port in range(first, min(first + _PORTS_TRIED, 65536)):
        if _is_free(host, port):
            return port
    raise UsageError(f"no free port from {first} to {first + _PORTS_TRIED - 1} on {host}")


def _is_free(host: str, port: int) -> bool:
    from inspector.errors import UsageError

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except socket.gaierror as error:
            raise UsageError(f"--host {host}: {error.strerror}") from error
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UsageError(f"--host {host}: is not an address of this machine") from error
            return False
    return True


def _shown_host(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
