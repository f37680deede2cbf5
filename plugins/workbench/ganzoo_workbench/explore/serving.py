"""Brings the page to a browser: on this machine alone, leaving nothing behind."""

from __future__ import annotations

import errno
import os
import signal
import socket
import webbrowser
from contextlib import contextmanager, suppress
from importlib.resources import files
from importlib.util import find_spec
from ipaddress import ip_address
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ganzoo.errors import UserError
from ganzoo.requirements import installing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import gradio

FIRST_PORT = 7860
_PORTS = 100
_LARGEST_UPLOAD = "10mb"

_POLICY = (
    "default-src 'self' data: blob:; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; "
    "form-action 'self'; "
    "frame-ancestors 'none'"
)
"""What the page may load: nothing from elsewhere. The scripts of gradio are partly in its HTML."""

_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_FIXED_FONTS = ("ui-monospace", "Menlo", "Consolas", "monospace")


@contextmanager
def sheltered() -> Iterator[None]:
    """A place for gradio's files that is removed at the end, and no telemetry.

    Settings of gradio in the environment are put aside: they could open the page to the outside.
    Raises UserError where gradio is not installed.
    """
    if find_spec("gradio") is None:
        raise UserError(f"explore needs gradio: {installing('explore')}")
    aside = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("GRADIO_")}
    with TemporaryDirectory(prefix="ganzoo-explore-", ignore_cleanup_errors=True) as folder:
        ours = {
            "GRADIO_TEMP_DIR": folder,
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_RUN_HISTORY": "False",
        }
        os.environ.update(ours)
        try:
            yield
        finally:
            for name in ours:
                os.environ.pop(name, None)
            os.environ.update(aside)


def bind(host: str, port: int | None) -> socket.socket:
    """A socket that listens on ``port``, or on the first free one from 7860 on.

    Raises:
        UserError: the port is taken, or nothing can listen there.
    """
    for candidate in range(FIRST_PORT, FIRST_PORT + _PORTS) if port is None else [port]:
        try:
            [family, *_], *_ = socket.getaddrinfo(
                host, candidate, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            return socket.create_server((host, candidate), family=family)
        except (socket.gaierror, UnicodeError) as error:
            raise UserError(f"--host {host} is no address of this machine") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                reason = os.strerror(error.errno) if error.errno else error
                raise UserError(f"cannot listen on {host}, port {candidate}: {reason}") from error
    if port is None:
        raise UserError(
            f"all ports of {host} from {FIRST_PORT} to {FIRST_PORT + _PORTS - 1} are taken",
            hint="Name another with --port.",
        )
    raise UserError(
        f"port {port} of {host} is taken", hint="Leave --port out to get the next free one."
    )


def serve(page: gradio.Blocks, listening: socket.socket, *, name: str, open_browser: bool) -> None:
    """Serve ``page`` until Ctrl-C or a signal to end. ``name`` is told to the user."""
    import uvicorn

    host, port = listening.getsockname()[:2]
    url = f"http://{_spelled(_reachable(host))}:{port}"
    config = uvicorn.Config(
        application(page, host, port), log_level="critical", timeout_graceful_shutdown=1
    )
    click.echo(f"exploring {name} at {url} until Ctrl-C")
    if not _is_private(host):
        click.echo(
            f"note: everybody in the network can reach this page, on {_spelled(host)}:{port}"
        )
    if open_browser:
        webbrowser.open(url)  # the socket listens already: the request waits for the server
    with _ended_by_signals():
        uvicorn.Server(config).run(sockets=[listening])


def application(page: gradio.Blocks, host: str, port: int) -> Any:
    """The page as an ASGI application that serves ``host`` and no other."""
    import gradio as gr
    from fastapi import FastAPI
    from gradio import processing_utils

    # Gradio holds only a page that it launched itself to the files that were uploaded to it, and
    # would fetch an address that is sent in place of one.
    page.has_launched = True
    processing_utils.async_ssrf_protected_download = _fetch_nothing
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        page,
        path="/",
        server_name=host,
        server_port=port,
        footer_links=[],
        allowed_paths=[],
        max_file_size=_LARGEST_UPLOAD,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        theme=gr.themes.Default(primary_hue="blue", font=_FONTS, font_mono=_FIXED_FONTS).set(
            body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500"
        ),
        css=files(__package__).joinpath("page.css").read_text(encoding="utf-8"),
    )
    return Guard(app, only_here=_is_private(host))


async def _fetch_nothing(url: str, *_: object, **__: object) -> None:
    raise ValueError(f"nothing is fetched from elsewhere: {url}")


class Guard:
    """Tells the browser what the page may load, and turns away who came by another name.

    A page of somebody else can make its own name lead to this machine and then read what is here.
    """

    def __init__(self, app: Any, *, only_here: bool) -> None:
        self.app = app
        self.only_here = only_here

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Pass an event of the server on, in the manner of ASGI."""

        async def send_with_policy(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message.get("headers", ()), policy]}
            await send(message)

        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif self.only_here and not _names_this_machine(scope["headers"]):
            await send({"type": "http.response.start", "status": 421, "headers": []})
            await send({"type": "http.response.body", "body": b"this page is at 127.0.0.1"})
        else:
            await self.app(scope, receive, send_with_policy)


def _names_this_machine(headers: list[tuple[bytes, bytes]]) -> bool:
    given = dict(headers).get(b"host", b"").decode("latin-1")
    try:
        name = urlsplit(f"//{given}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_private(name)


def _is_private(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _reachable(host: str) -> str:
    """An address of this machine for a browser on it."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not to listen on


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the server as Ctrl-C does: quietly, tidying up."""
    taken = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # one that is ignored (under nohup) stays so
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            taken[number] = signal.signal(number, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, before in taken.items():
            signal.signal(number, before)
