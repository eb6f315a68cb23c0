"""`restore paint`: what it opens, prints and says at the end."""

import os
import signal
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from restore.web import PaintServer

HOLE = np.zeros((40, 60), np.uint8)
HOLE[10:20, 20:40] = 1


class AtOnce:
    """Stands in for a thread: what it is for is done when it is started."""

    def __init__(self, target: Callable[..., object], args: list[str], **_: object) -> None:
        self.start = partial(target, *args)


@pytest.fixture
def opened(fake_restorer, monkeypatch) -> list[str]:
    """The addresses that the browser was sent to."""
    addresses: list[str] = []
    monkeypatch.setattr("restore.web.opening.checkpoint_path", Path)
    monkeypatch.setattr(import_module("restore.commands.paint"), "Thread", AtOnce)
    monkeypatch.setattr("webbrowser.open", addresses.append)
    return addresses


def use_page(monkeypatch: pytest.MonkeyPatch, *, save: bool) -> None:
    """Stand in for a user who fills a hole, saves it or not, and presses Ctrl-C."""

    def serve(page: PaintServer) -> None:
        page.retouching.fill(HOLE)
        if save:
            page.save_photo()
        raise KeyboardInterrupt

    monkeypatch.setattr(PaintServer, "serve_forever", serve)


def test_a_photo_is_painted_and_saved(run, opened, monkeypatch, write_picture) -> None:
    photo = write_picture("photo.png")
    use_page(monkeypatch, save=True)
    ran = run("paint", photo)
    assert (ran.code, ran.err) == (0, "")
    (address,) = opened
    assert ran.out == f"{photo} is at {address} (Ctrl-C ends it)\n"
    assert photo.with_name("photo-fixed.png").exists()


def test_what_is_not_saved_is_told(run, opened, monkeypatch, write_picture) -> None:
    photo = write_picture("photo.png")
    use_page(monkeypatch, save=False)
    ran = run("paint", photo, "--no-browser")
    assert ran.code == 0 and opened == []
    asked, lost = ran.err.splitlines()
    assert "Ctrl-C again ends it" in asked and "since it was last saved is lost" in lost
    assert not photo.with_name("photo-fixed.png").exists()


def test_what_is_saved_after_the_first_ctrl_c_is_not_lost(
    run, opened, monkeypatch, write_picture
) -> None:
    photo, deeds = write_picture("photo.png"), ["fill", "save"]

    def serve(page: PaintServer) -> None:
        if deeds.pop(0) == "fill":
            page.retouching.fill(HOLE)
        else:
            page.save_photo()
        raise KeyboardInterrupt

    monkeypatch.setattr(PaintServer, "serve_forever", serve)
    ran = run("paint", photo, "--no-browser")
    assert ran.code == 0 and not deeds and "lost" not in ran.err
    assert photo.with_name("photo-fixed.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_what_is_not_saved_when_the_terminal_is_closed_is_saved(
    run, opened, monkeypatch, write_picture, name: str
) -> None:
    photo, number = write_picture("photo.png"), getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # whatever runs the tests has set

    def serve(page: PaintServer) -> None:
        page.retouching.fill(HOLE)
        signal.raise_signal(number)

    save = PaintServer.save_photo

    def save_late(page: PaintServer) -> str:
        signal.raise_signal(number)  # the shell and the system both tell of a closed terminal
        return save(page)

    monkeypatch.setattr(PaintServer, "serve_forever", serve)
    monkeypatch.setattr(PaintServer, "save_photo", save_late)
    try:
        ran = run("paint", photo, "--no-browser")
        assert ran.code == 128 + number and "restore: Saved as " in ran.err
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert photo.with_name("photo-fixed.png").exists()


def test_seed_model_and_result_are_taken(
    run, opened, fake_restorer, monkeypatch, write_picture, tmp_path
) -> None:
    photo = write_picture("photo.png")
    use_page(monkeypatch, save=True)
    out = tmp_path / "clean.bmp"
    ran = run("paint", photo, "--seed", 9, "--out", out, "--model", "mine", "--device", "cpu")
    assert ran.code == 0 and out.exists()
    assert fake_restorer.loaded == [("mine", "cpu")] and fake_restorer.seeds == [9]


def test_it_begins_with_a_mask_as_fix_reads_it(run, opened, monkeypatch, write_picture) -> None:
    photo = write_picture("photo.png")
    mask = write_picture("mask.png", np.where(HOLE == 1, np.uint8(0), np.uint8(255)))
    found: list[int] = []

    def serve(page: PaintServer) -> None:
        assert page.painted is not None
        found.append(int(page.painted.sum()))
        raise KeyboardInterrupt

    monkeypatch.setattr(PaintServer, "serve_forever", serve)
    assert run("paint", photo, "--mask", mask, "--mask-is", "known", "--grow", 1).code == 0
    assert run("paint", photo, "--mask", mask, "--mask-is", "known").code == 0
    assert HOLE.sum() == found[1] < found[0] < 2 * HOLE.sum()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none.png"], "none.png"),
        (["photo.png", "--mask", "none.png"], "none.png"),
        (["photo.png", "--model", "inpiant"], "Did you mean 'inpaint'"),
        (["photo.png", "--mask-is", "alpha"], "add --mask"),
        (["photo.png", "--out", "photo.png"], "is an input"),
        (["photo.png", "--port", "70000"], "65535"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(
    run, write_picture, tmp_path, monkeypatch, words: list[str], sentence: str
) -> None:
    write_picture("photo.png")
    monkeypatch.chdir(tmp_path)
    ran = run("paint", *words)
    assert ran.code != 0 and sentence in ran.sentence
