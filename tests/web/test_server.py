"""The page over HTTP: what it answers, and whom it does not answer."""

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from io import BytesIO
from threading import Thread
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from restore.errors import DEBUG, RestoreError
from restore.image import Mask, Photo, encode_png
from restore.web import PaintServer, Retouching
from restore.web import server as module
from restore.web.server import DEEDS, LOOKS

HOLE = np.zeros((40, 60), np.uint8)
HOLE[5:15, 20:30] = 1


class Saved:
    """What has been saved."""

    def __init__(self) -> None:
        self.photos: list[Photo] = []
        self.masks: list[Mask] = []

    def save(self, photo: Photo) -> str:
        self.photos.append(photo)
        return "photo-fixed.png"

    def save_mask(self, mask: Mask) -> str:
        self.masks.append(mask)
        return "photo-mask.png"


@pytest.fixture
def saved() -> Saved:
    return Saved()


@pytest.fixture
def photo() -> Photo:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    return Photo(pixels, alpha=np.full((40, 60), 200, np.uint8))


@pytest.fixture
def page(fake_restorer, photo: Photo, saved: Saved) -> Iterator[PaintServer]:
    """A page that answers, with a hole that was painted before."""
    server = PaintServer(
        Retouching(fake_restorer, photo, seed=9),
        name="photo.png",
        save=saved.save,
        save_mask=saved.save_mask,
        painted=HOLE,
    )
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server:
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    page: PaintServer,
    name: str,
    body: bytes | None = None,
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", page.server_address[1], timeout=10)
    method = "GET" if body is None else "POST"
    path = f"/{page.token if token is None else token}/{name}"
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)))


def test_the_page_shows_the_photo(page: PaintServer, photo: Photo) -> None:
    answer, content = ask(page, "")
    assert answer.status == 200 and b'<canvas id="photo"' in content
    answer, content = ask(page, "photo")
    assert np.array_equal(pixels_of(content), np.dstack([photo.pixels, photo.alpha]))
    state = json.loads(ask(page, "state")[1])
    assert state == {
        "name": "photo.png",
        "width": 60,
        "height": 40,
        "fills": 0,
        "undone": 0,
        "unsaved": False,
        "painted": True,
    }
    assert np.array_equal(pixels_of(ask(page, "painted")[1]), HOLE * 255)


def test_a_painted_hole_comes_back_filled(page: PaintServer, photo: Photo) -> None:
    answer, content = ask(page, "fill", encode_png(HOLE * 255))
    assert (answer.headers["X-Left"], answer.headers["X-Top"]) == ("20", "5")
    assert (pixels_of(content)[..., :3] == 9).all() and pixels_of(content).shape == (10, 10, 4)
    assert (pixels_of(ask(page, "photo")[1])[..., :3][HOLE == 1] == 9).all()
    assert np.array_equal(pixels_of(ask(page, "original")[1])[..., :3], photo.pixels)


def test_paint_is_magenta_on_a_transparent_layer(page: PaintServer) -> None:
    layer = np.zeros((40, 60, 4), np.uint8)
    layer[HOLE == 1] = (255, 0, 255, 255)
    layer[0, 0] = (255, 0, 255, 60)  # the outermost of a soft rim
    file = BytesIO()
    Image.fromarray(layer).save(file, "PNG")
    ask(page, "fill", file.getvalue())
    assert np.array_equal(page.retouching.filled, HOLE)


def test_fills_are_made_otherwise_and_taken_back(page: PaintServer, photo: Photo) -> None:
    ask(page, "fill", encode_png(HOLE * 255))
    assert (pixels_of(ask(page, "again", b"")[1])[..., :3] == 10).all()
    assert (pixels_of(ask(page, "undo", b"")[1])[..., :3] == 9).all()
    answer, content = ask(page, "undo", b"")
    assert np.array_equal(pixels_of(content)[..., :3], photo.pixels[5:15, 20:30])
    assert answer.headers["X-Unsaved"] == "false"
    answer, content = ask(page, "undo", b"")
    assert answer.status == 400 and "Nothing has been filled" in json.loads(content)["error"]
    answer, content = ask(page, "redo", b"")
    assert (pixels_of(content)[..., :3] == 9).all() and answer.headers["X-Unsaved"] == "true"
    assert (pixels_of(ask(page, "redo", b"")[1])[..., :3] == 10).all()
    answer, content = ask(page, "redo", b"")
    assert answer.status == 400 and "Nothing has been taken back" in json.loads(content)["error"]


def test_the_photo_is_saved_as_it_is_now(page: PaintServer, saved: Saved) -> None:
    ask(page, "fill", encode_png(HOLE * 255))
    assert page.unsaved and json.loads(ask(page, "state")[1])["unsaved"]
    assert json.loads(ask(page, "save", b"")[1]) == {"saved": "photo-fixed.png"}
    assert saved.photos == [page.retouching.photo]
    assert not page.unsaved
    ask(page, "undo", b"")
    assert page.unsaved


def test_the_mask_that_is_saved_holds_what_is_filled_and_painted(
    page: PaintServer, saved: Saved
) -> None:
    nothing = np.zeros_like(HOLE)
    answer, content = ask(page, "mask", encode_png(nothing))
    assert answer.status == 400 and "no mask to save" in json.loads(content)["error"]
    ask(page, "fill", encode_png(HOLE * 255))
    painted = nothing.copy()
    painted[30:, :5] = 1
    assert json.loads(ask(page, "mask", encode_png(painted * 255))[1])["saved"] == "photo-mask.png"
    assert np.array_equal(saved.masks[0], HOLE | painted)


def test_a_page_that_shows_another_photo_can_not_change_it(page: PaintServer) -> None:
    painted = encode_png(HOLE * 255)
    first = ask(page, "state")[0].headers["X-Version"]
    answer, _ = ask(page, "fill", painted, headers={"X-Version": first})
    second = answer.headers["X-Version"]
    assert answer.status == 200 and second != first
    for name in ("fill", "again", "undo", "redo", "save"):
        body = painted if name == "fill" else b""
        answer, content = ask(page, name, body, headers={"X-Version": first})
        assert answer.status == 409 and "meanwhile" in json.loads(content)["error"]
    assert len(page.retouching.fills) == 1
    assert ask(page, "undo", b"", headers={"X-Version": second})[0].status == 200


def test_a_slow_browser_gets_all_of_a_photo(page: PaintServer, monkeypatch) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 2.0)
    monkeypatch.setattr(module, "PIECE", 2**12)
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1500, 3), np.uint8)
    page.retouching.photo = Photo(noise)
    with socket.create_connection(page.server_address[:2], timeout=30) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
        host = f"127.0.0.1:{page.server_address[1]}"
        connection.sendall(f"GET /{page.token}/photo HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        for _ in range(11):  # for longer than any single piece may take
            time.sleep(0.2)
            answer += connection.recv(2**16)
        while part := connection.recv(2**20):
            answer += part
    assert np.array_equal(pixels_of(answer.partition(b"\r\n\r\n")[2]), noise)


def test_a_mistake_of_ours_is_a_sentence_and_the_page_goes_on(
    page: PaintServer, fake_restorer, monkeypatch, capfd
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(fake_restorer, "fix", fail)
    answer, content = ask(page, "fill", encode_png(HOLE * 255))
    assert answer.status == 500 and "ZeroDivisionError" in json.loads(content)["error"]
    assert ask(page, "state")[0].status == 200
    assert not capfd.readouterr().err
    monkeypatch.setenv(DEBUG, "1")
    ask(page, "fill", encode_png(HOLE * 255))
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("body", [b"", b"no picture", encode_png(np.zeros((7, 9), np.uint8))])
def test_what_is_no_mask_of_the_photo_is_refused(page: PaintServer, body: bytes) -> None:
    answer, content = ask(page, "fill", body)
    assert answer.status == 400 and json.loads(content)["error"].endswith(".")
    assert page.retouching.fills == []


@pytest.mark.parametrize("name", [*LOOKS, *DEEDS])
@pytest.mark.parametrize("token", ["", "wrong", "%C3%BC"])
def test_who_does_not_know_the_token_sees_nothing(page: PaintServer, name: str, token: str) -> None:
    body = None if name in LOOKS else encode_png(HOLE * 255)
    answer, content = ask(page, name, body, token=token)
    assert answer.status == 404 and "address from the terminal" in json.loads(content)["error"]
    assert page.retouching.fills == []


def test_an_address_without_its_last_slash_leads_to_the_page(page: PaintServer) -> None:
    address = page.url.removesuffix("/")
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.url == page.url and b"<html" in answer.read()


@pytest.mark.parametrize("name", ["../server.py", "page.js/../../etc/passwd", "%2e%2e/x", "Photo"])
def test_names_lead_to_no_file(page: PaintServer, name: str) -> None:
    assert ask(page, name)[0].status == 404


def test_what_changes_something_is_not_got(page: PaintServer) -> None:
    assert ask(page, "save")[0].status == 404
    assert ask(page, "photo", b"")[0].status == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[", ""]
)
def test_other_hosts_are_refused(page: PaintServer, host: str) -> None:
    answer, content = ask(page, "photo", headers={"Host": host})
    assert answer.status == 403 and b"PNG" not in content


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_other_pages_are_refused(page: PaintServer, origin: str) -> None:
    answer, _ = ask(page, "save", b"", headers={"Origin": origin})
    assert answer.status == 403


def test_the_page_itself_may_ask_by_either_name(page: PaintServer) -> None:
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{page.server_address[1]}"
        headers = {"Host": host, "Origin": f"http://{host}"}
        assert ask(page, "save", b"", headers=headers)[0].status == 200


def test_too_much_and_an_unknown_length_are_refused(page: PaintServer, monkeypatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY", 10)
    assert ask(page, "fill", bytes(11))[0].status == 413
    monkeypatch.setattr(module, "LARGEST_BODY", 2**24)
    assert ask(page, "fill", bytes(2**24), token="old")[0].status == 404, "is told all the same"
    for length in ("", "-1", "many"):
        assert ask(page, "save", b"", headers={"Content-Length": length})[0].status == 411


def test_a_request_that_is_cut_short_changes_nothing(page: PaintServer, saved: Saved) -> None:
    host = f"127.0.0.1:{page.server_address[1]}"
    head = f"POST /{page.token}/save HTTP/1.0\r\nHost: {host}\r\nContent-Length: 9\r\n\r\nabc"
    with socket.create_connection(page.server_address[:2], timeout=10) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(2**16).splitlines()[0]
    assert saved.photos == []


def test_two_deeds_are_done_one_after_the_other(
    page: PaintServer, fake_restorer, monkeypatch
) -> None:
    inside: list[int] = []
    most, plain = [], fake_restorer.fix

    def fix(*arguments: object, **named: object) -> np.ndarray:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return plain(*arguments, **named)

    monkeypatch.setattr(fake_restorer, "fix", fix)
    painted = encode_png(HOLE * 255)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(page, "fill", painted)[0].status, range(4)))
    assert answers == [200] * 4 and most == [1] * 4
    assert len(page.retouching.fills) == 4


def test_an_answer_tells_of_which_photo_it_is(page: PaintServer) -> None:
    """What is the same in all versions has none, as it need not wait to know."""
    versions = [ask(page, name)[0].headers["X-Version"] for name in ("state", "photo")]
    ask(page, "fill", encode_png(HOLE * 255))
    versions += [ask(page, name)[0].headers["X-Version"] for name in ("photo", "original", "")]
    assert versions == ["0", "0", "1", None, None]


def test_the_page_need_not_wait_for_a_fill(page: PaintServer) -> None:
    with page.work:
        for name in ("", "page.js", "page.css", "original", "painted"):
            assert ask(page, name)[0].status == 200


def test_a_painted_mask_may_have_as_many_pixels_as_the_photo(
    page: PaintServer, monkeypatch
) -> None:
    monkeypatch.setattr("restore.masks.given.MAX_PIXELS", 100)
    assert ask(page, "fill", encode_png(HOLE * 255))[0].status == 200
    assert ask(page, "fill", encode_png(np.zeros((80, 120), np.uint8)))[0].status == 400


def test_answers_may_neither_be_kept_nor_run_what_is_not_ours(page: PaintServer) -> None:
    for name in LOOKS:
        answer, _ = ask(page, name)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"  # the address is the secret
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "*" not in policy


def test_only_this_machine_is_listened_to(page: PaintServer) -> None:
    assert page.server_address[0] == "127.0.0.1"
    assert len(page.token) >= 32
    assert urlsplit(page.url).hostname == "127.0.0.1"


def test_a_port_that_is_taken_is_a_sentence(page: PaintServer, saved: Saved) -> None:
    port = page.server_address[1]
    with pytest.raises(RestoreError, match=f"Port {port} can't be opened"):
        PaintServer(
            page.retouching, name="b", save=saved.save, save_mask=saved.save_mask, port=port
        )
