"""The server of the page: it answers this machine alone, and only who knows the secret address.

A page of a stranger in the same browser can neither guess the token in the address nor read an
answer. Requests for another host are refused, else its name could be made to point here (DNS
rebinding). Nothing in a request names a file, and nothing is fetched.
"""

import hmac
import json
import os
import secrets
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from io import BytesIO
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from PIL import Image

from restore.errors import DEBUG, RestoreError, UsageError, sentence_of
from restore.image import Mask, Photo, encode_png
from restore.masks import read_mask
from restore.web.retouching import Fill, Retouching
from restore.windows import Box

HOST = "127.0.0.1"
HOSTS = {HOST, "localhost"}  # what a browser on this machine may call us
LARGEST_BODY = 2**26  # bytes of a painted mask
PIECE = 2**16  # bytes that are sent at once
IDLE_SECONDS = 30.0  # a connection over which nothing comes is closed
PASS_SECONDS = 1.0  # likewise, once it has been answered
SCRIPTS = (
    "page.js",
    "canvases.js",
    "keys.js",
    "outlines.js",
    "server.js",
    "steps.js",
    "strokes.js",
    "viewport.js",
)
FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    **{name: (name, "text/javascript; charset=utf-8") for name in SCRIPTS},
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address is the secret
    "X-Content-Type-Options": "nosniff",
}


class Reply(NamedTuple):
    """What a request is answered with."""

    content: bytes
    type: str = "application/json"
    headers: dict[str, str] = {}  # noqa: RUF012  # never changed
    status: int = 200
    version: int | None = None  # of the photo, where the content goes by it


class PaintServer(ThreadingHTTPServer):
    """A page on which holes of one photo are painted and filled, for a browser on this machine.

    Attributes:
        url: the address of the page; who knows it may paint.
    """

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows it lets two programs have one port

    def __init__(
        self,
        retouching: Retouching,
        *,
        name: str,
        save: Callable[[Photo], str],
        save_mask: Callable[[Mask], str],
        painted: Mask | None = None,
        port: int = 0,
    ) -> None:
        """Open the port; `serve_forever` answers.

        Args:
            retouching: the photo.
            name: of the photo, for the page.
            save: writes the photo as it is and returns where to.
            save_mask: writes a mask (H, W) {0, 1} and returns where to.
            painted: what is painted at the beginning, (H, W) {0, 1}.
            port: 0 for any that is free.

        Raises:
            RestoreError: the port is taken or may not be opened.
        """
        self.retouching, self.name, self.painted = retouching, name, painted
        self._save, self.save_mask = save, save_mask
        self._saved = retouching.fills
        self.version = 0  # of the photo; a page that shows another must not change it
        self.work = Lock()  # one deed, or one look at what deeds change, at a time
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise RestoreError(
                f"Port {port} can't be opened ({error.strerror}); name another --port."
            ) from None
        self.url = f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    @property
    def unsaved(self) -> bool:
        """Whether the photo shows other fills than when it was last saved."""
        fills = self.retouching.fills
        return len(fills) != len(self._saved) or not all(map(Fill.is_same, fills, self._saved))

    def save_photo(self) -> str:
        """Write the photo as it is and return where to."""
        saved = self._save(self.retouching.photo)
        self._saved = self.retouching.fills
        return saved

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone away before its answer."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: PaintServer
    timeout = IDLE_SECONDS
    has_read = False  # whether the body of the request has been read
    server_version, sys_version = "restore", ""

    def do_GET(self) -> None:
        """Answer what only looks."""
        self._answer(LOOKS)

    def do_POST(self) -> None:
        """Answer what changes something."""
        self._answer(DEEDS)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing; the terminal is the user's."""

    def _answer(self, known: dict[str, "Action"]) -> None:
        try:
            self._check_sender()
            name = self._name()
            action = known.get(name)
            reply = _refuse("There is no such thing here.", 404)
            if action is not None:
                body = self._read_body() if known is DEEDS else b""
                with nullcontext() if name in UNCHANGING else self.server.work:
                    self._check_version()
                    reply = action(self.server, body)
                    if name not in UNCHANGING:
                        reply = reply._replace(version=self.server.version)
        except _RefusedError as error:
            reply = error.reply
        except Exception as error:  # a mistake of ours must not end the page
            if os.environ.get(DEBUG) and not isinstance(error, RestoreError):
                traceback.print_exc()
            reply = _refuse(sentence_of(error), 400 if isinstance(error, RestoreError) else 500)
        self._send(reply)

    def _check_sender(self) -> None:
        """Refuse other hosts and other pages."""
        host = self.headers.get("Host", "")
        if host.partition(":")[0].lower() not in HOSTS:
            raise _RefusedError("This page is for the machine that it runs on.", 403)
        if self.headers.get("Origin", f"http://{host}") != f"http://{host}":
            raise _RefusedError("Another page may not ask this.", 403)

    def _check_version(self) -> None:
        """Refuse a page that shows another photo than there is, as its deeds would mean others."""
        if self.headers.get("X-Version", str(self.server.version)) != str(self.server.version):
            raise _RefusedError("The photo has changed meanwhile; here it is as it is now.", 409)

    def _name(self) -> str:
        """Return what is asked for, without the token; nothing is there for who has it wrong."""
        token, slash, name = urlsplit(self.path).path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _RefusedError("There is no such page; take the address from the terminal.", 404)
        if not slash:  # without it the page would look for its parts elsewhere
            there = {"Location": f"/{token}/"}
            raise _RefusedError("The address of the page ends with a slash.", 308, there)
        return name

    def _read_body(self) -> bytes:
        length = self._length()
        if length is None:
            raise _RefusedError("A request must say how long it is.", 411)
        if length > LARGEST_BODY:
            raise _RefusedError(f"At most {LARGEST_BODY / 1e6:.0f} megabytes are accepted.", 413)
        self.has_read = True
        body = self.rfile.read(length)
        if len(body) < length:
            raise _RefusedError("The request was cut short.", 400)
        return body

    def _length(self) -> int | None:
        """Return how long the request says it is, None where it doesn't."""
        length = self.headers.get("Content-Length", "")
        return int(length[:20]) if length.isdecimal() else None  # more digits are as much too many

    def _pass_over(self) -> None:
        """Take what is left of a request: a browser may drop the answer where that is not read."""
        with suppress(OSError):
            self.connection.settimeout(PASS_SECONDS)
            left = min(self._length() or 0, LARGEST_BODY)
            while left and (part := self.rfile.read(min(PIECE, left))):
                left -= len(part)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        versioned = {} if reply.version is None else {"X-Version": str(reply.version)}
        for name, value in (HEADERS | versioned | reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.type)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        for start in range(0, len(reply.content), PIECE):  # each of which has its time
            self.wfile.write(reply.content[start : start + PIECE])
        if self.command == "POST" and not self.has_read:
            self._pass_over()


class _RefusedError(Exception):
    """A request that is answered with a status of its own."""

    def __init__(self, sentence: str, status: int, headers: dict[str, str] | None = None) -> None:
        self.reply = _refuse(sentence, status)._replace(headers=headers or {})


def _refuse(sentence: str, status: int) -> Reply:
    return Reply(json.dumps({"error": sentence}).encode(), status=status)


def _page(file: str, type: str) -> "Action":
    content = files("restore.web").joinpath(file).read_bytes()
    return lambda server, body: Reply(content, type)


def _tell_state(server: PaintServer, body: bytes) -> Reply:
    height, width = server.retouching.size
    state = {
        "name": server.name,
        "width": width,
        "height": height,
        "fills": len(server.retouching.fills),
        "undone": len(server.retouching.undone),
        "unsaved": server.unsaved,
        "painted": server.painted is not None,
    }
    return Reply(json.dumps(state).encode())


def _show(server: PaintServer, body: bytes) -> Reply:
    return _png(server.retouching.photo)


def _show_original(server: PaintServer, body: bytes) -> Reply:
    return _png(server.retouching.original)


def _show_painted(server: PaintServer, body: bytes) -> Reply:
    if server.painted is None:
        return _refuse("Nothing was painted before.", 404)
    return Reply(encode_png(server.painted * 255), "image/png")


def _fill(server: PaintServer, body: bytes) -> Reply:
    return _changed(server, server.retouching.fill(_read_painted(server, body)))


def _fill_again(server: PaintServer, body: bytes) -> Reply:
    return _changed(server, server.retouching.fill_again())


def _undo(server: PaintServer, body: bytes) -> Reply:
    return _changed(server, server.retouching.undo())


def _redo(server: PaintServer, body: bytes) -> Reply:
    return _changed(server, server.retouching.redo())


def _save(server: PaintServer, body: bytes) -> Reply:
    return Reply(json.dumps({"saved": server.save_photo()}).encode())


def _save_mask(server: PaintServer, body: bytes) -> Reply:
    mask = server.retouching.filled | _read_painted(server, body)
    if not mask.any():
        raise UsageError("Nothing is painted or filled, so there is no mask to save.")
    return Reply(json.dumps({"saved": server.save_mask(mask)}).encode())


def _read_painted(server: PaintServer, body: bytes) -> Mask:
    height, width = server.retouching.size
    return read_mask("The painted mask", (height, width), max_pixels=height * width, data=body)


def _changed(server: PaintServer, box: Box) -> Reply:
    """Answer with the pixels of a box, which have changed."""
    server.version += 1
    headers = {"X-Left": str(box.left), "X-Top": str(box.top)}
    headers["X-Unsaved"] = str(server.unsaved).lower()
    return _png(server.retouching.photo, box)._replace(headers=headers)


def _png(photo: Photo, box: Box | None = None) -> Reply:
    """Return a photo, or a box of it, as a browser shows it: 8 bits, its profile, transparency."""
    rows = (slice(None), slice(None)) if box is None else box.slices
    picture = Image.fromarray(photo.pixels[rows])
    if photo.gray:
        picture = picture.convert("L")
    if photo.alpha is not None:
        picture.putalpha(Image.fromarray(photo.alpha[rows]))
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1, icc_profile=photo.icc or None)
    return Reply(file.getvalue(), "image/png")


Action = Callable[[PaintServer, bytes], Reply]

LOOKS: dict[str, Action] = {
    **{name: _page(*page) for name, page in FILES.items()},
    "state": _tell_state,
    "photo": _show,
    "original": _show_original,
    "painted": _show_painted,
}
UNCHANGING = {*FILES, "original", "painted"}  # looks that need not wait for a fill
DEEDS: dict[str, Action] = {
    "fill": _fill,
    "again": _fill_again,
    "undo": _undo,
    "redo": _redo,
    "save": _save,
    "mask": _save_mask,
}
