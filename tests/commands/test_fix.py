"""`restore fix`: what it prints, what it writes and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from PIL import Image


def test_a_photo_is_fixed_beside_itself(run, write_picture, mask_file, fake_restorer) -> None:
    photo = write_picture("p.png")
    ran = run("fix", photo, "--mask", mask_file)
    fixed = photo.with_name("p-fixed.png")
    assert ran.code == 0
    assert re.fullmatch(rf"{photo} -> {fixed} \(\d+\.\d s\)\n", ran.out)
    assert ran.err == ""
    assert (np.array(Image.open(fixed))[10:20, 20:40] == 0).all()


def test_json_is_one_object_a_line(run, write_picture, mask_file, fake_restorer, tmp_path) -> None:
    photo = write_picture("p q.png")
    ran = run("fix", photo, "--mask", mask_file, "--count", 2, "--seed", 8, "--json")
    first, second = (json.loads(line) for line in ran.out.splitlines())
    assert isinstance(first.pop("seconds"), float)
    assert 0 < first.pop("hole") < 1
    assert first == {
        "photo": str(photo),
        "mask": str(mask_file),
        "out": str(tmp_path / "p q-fixed-1.png"),
        "seed": 8,
        "model": "fake",
        "sentence": None,
        "status": "done",
    }
    assert (second["seed"], second["out"]) == (9, str(tmp_path / "p q-fixed-2.png"))


def test_json_has_no_mask_where_the_photo_marks_its_own_hole(
    run, write_picture, fake_restorer
) -> None:
    pixels = np.full((40, 60, 4), 255, np.uint8)
    pixels[:5, :, 3] = 0
    ran = run("fix", write_picture("p.png", pixels), "--mask-is", "alpha", "--json")
    assert json.loads(ran.out)["mask"] is None


def test_json_tells_of_failures(run, write_picture, mask_file, fake_restorer, tmp_path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    ran = run("fix", tmp_path / "bad.png", write_picture("p.png"), "--mask", mask_file, "--json")
    failed, done = (json.loads(line) for line in ran.out.splitlines())
    assert failed["photo"] == str(tmp_path / "bad.png") and failed["status"] == "failed"
    assert failed["sentence"] in ran.err and done["status"] == "done"
    assert {*failed} == {*done} and failed["out"] is None


def test_boxes_are_filled(run, write_picture, fake_restorer, tmp_path) -> None:
    photo = write_picture("p.png")
    ran = run("fix", photo, "--box", "20,10,20,10", "--box", "0,0,1,1", "--seed", 7, "--json")
    told = json.loads(ran.out)
    assert told["mask"] is None and told["hole"] == pytest.approx(201 / 2400)
    fixed, was = np.array(Image.open(told["out"])), np.array(Image.open(photo))
    hole = np.zeros((40, 60), bool)
    hole[10:20, 20:40] = hole[0, 0] = True
    assert (fixed[hole] == 7).all() and (fixed[~hole] == was[~hole]).all()
    ran = run("fix", photo, "--box", "90,90,5,5", "--out", tmp_path / "none.png")
    assert ran.code == 2 and str(photo) in ran.sentence and "no pixels" in ran.sentence


def test_boxes_of_a_folder_are_filled_and_resumed(
    run, write_picture, fake_restorer, tmp_path
) -> None:
    (tmp_path / "album").mkdir()
    photo = write_picture("album/p.png")
    words = ["fix", tmp_path / "album", "--out", tmp_path / "out", "--json", "--box"]
    told = json.loads(run(*words, "20,10,20,10").out)
    assert (told["photo"], told["out"]) == (str(photo), str(tmp_path / "out/p.png"))
    assert json.loads(run(*words, "20,10,20,10", "--resume").out)["status"] == "kept"
    assert json.loads(run(*words, "20,10,20,9", "--resume").out)["status"] == "done"


def test_options_reach_the_restorer(run, write_picture, mask_file, fake_restorer, tmp_path) -> None:
    out = tmp_path / "new" / "out.webp"
    words = ["--grow", 5, "--seed", 3, "--model", "mine", "--device", "cpu", "--out", out]
    assert run("fix", write_picture("p.png"), "--mask", mask_file, *words).code == 0
    assert fake_restorer.loaded == [("mine", "cpu")]
    assert fake_restorer.seeds == [3]
    assert Image.open(out).format == "WEBP"
    assert (np.array(Image.open(out))[6:24, 20:40] == 3).all()


def test_a_folder_of_results_is_made(run, write_picture, mask_file, fake_restorer) -> None:
    photos = [write_picture("a.png"), write_picture("b.jpg")]
    out = mask_file.parent / "new"
    ran = run("fix", *photos, "--mask", mask_file, "--out", f"{out}/")
    assert ran.code == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.jpg"]


def test_an_existing_result_stays_without_overwrite(
    run, write_picture, mask_file, fake_restorer
) -> None:
    photo, old = write_picture("p.png"), write_picture("p-fixed.png")
    content = old.read_bytes()
    ran = run("fix", photo, "--mask", mask_file)
    assert ran.code == 2
    assert ran.sentence == f"{old} exists; add --overwrite, or name another --out."
    assert old.read_bytes() == content
    assert run("fix", photo, "--mask", mask_file, "--overwrite").code == 0
    assert old.read_bytes() != content


def test_warnings_go_to_stderr_and_the_photo_is_fixed(run, write_picture, fake_restorer) -> None:
    mask = write_picture("mask.png", np.repeat(np.array([[255], [255], [0]], np.uint8), 3, axis=1))
    ran = run("fix", write_picture("p.png", np.zeros((30, 30, 3), np.uint8)), "--mask", mask)
    assert ran.code == 0
    assert "66.7%" in ran.err
    assert "--mask-is known" in ran.err
    assert "-> " in ran.out


BAD_PHOTOS = {
    "missing": None,
    "empty": b"",
    "text": b"this is not a picture",
    "truncated": "p.png",
    "bomb": b"BM" + b"\0" * 8 + bytes([26, 0, 0, 0, 12, 0, 0, 0]) + b"\x50\xc3\x50\xc3\1\0\x18\0",
}


@pytest.mark.parametrize("kind", BAD_PHOTOS)
def test_a_bad_photo_is_one_sentence_and_leaves_nothing(
    kind: str, run, write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    photo, content = tmp_path / "bad.png", BAD_PHOTOS[kind]
    if content is not None:
        whole = write_picture("p.png").read_bytes()
        photo.write_bytes(whole[: len(whole) // 2] if kind == "truncated" else content)
    ran = run("fix", photo, "--mask", mask_file, "--out", f"{tmp_path}/new/")
    assert ran.code == 1
    assert str(photo) in ran.sentence
    assert not (tmp_path / "new").exists()


def test_a_bad_mask_names_the_mask(run, write_picture, fake_restorer, tmp_path) -> None:
    mask = tmp_path / "mask.png"
    mask.write_text("white")
    ran = run("fix", write_picture("p.png"), "--mask", mask)
    assert ran.code == 1
    assert str(mask) in ran.sentence


def test_a_mask_of_another_shape_is_wrong_usage(run, write_picture, fake_restorer) -> None:
    mask = write_picture("mask.png", np.zeros((40, 40), np.uint8))
    ran = run("fix", write_picture("p.png"), "--mask", mask)
    assert ran.code == 2
    assert "40 x 40" in ran.sentence


def test_the_rest_go_through_where_one_photo_is_bad(
    run, write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    good, bad = write_picture("a.png"), tmp_path / "missing.png"
    ran = run("fix", bad, good, "--mask", mask_file)
    assert ran.code == 1
    assert ran.out.startswith(f"{good} -> ")
    assert ran.err == f"restore: There is no file {bad}.\n"


def test_a_mistake_of_ours_does_not_stop_the_others(
    run, write_picture, mask_file, fake_restorer, monkeypatch
) -> None:
    monkeypatch.setattr(fake_restorer, "fix", lambda photo, mask, seed: 1 // (seed - seed))
    ran = run("fix", write_picture("a.png"), write_picture("b.png"), "--mask", mask_file)
    assert ran.code == 1
    assert ran.err.count("ZeroDivisionError") == 2
    monkeypatch.setenv("RESTORE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("fix", mask_file.with_name("a.png"), "--mask", mask_file)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: b"not weights", "safetensors"),
        (lambda data: data[:-100], "safetensors"),
        (lambda data: data.replace(b'"stem.bias"', b'"stem.bios"'), "tensor"),
        (lambda data: data.replace(b"restore", b"restora"), "header"),
    ],
    ids=["text", "truncated", "renamed tensor", "foreign"],
)
def test_a_bad_checkpoint_is_one_sentence(
    damage, word: str, run, write_picture, mask_file, tiny_checkpoint, tmp_path
) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(damage(tiny_checkpoint.read_bytes()))
    ran = run("fix", write_picture("p.png"), "--mask", mask_file, "--model", bad)
    assert ran.code == 1
    assert str(bad) in ran.sentence
    assert word in ran.sentence
    assert not (tmp_path / "p-fixed.png").exists()


@pytest.mark.parametrize(("option", "value"), [("--max-megapixels", 2), ("--max-megabytes", 6)])
def test_limits_on_size_can_be_lowered_and_raised(
    option: str, value: int, run, write_picture, fake_restorer
) -> None:
    photo = write_picture("p.bmp", np.zeros((1000, 2100, 3), np.uint8))  # 6.3 megabytes
    mask = np.zeros((1000, 2100), np.uint8)
    mask[:100] = 255
    words = ["fix", photo, "--mask", write_picture("m.png", mask), option]
    ran = run(*words, value)
    assert ran.code == 1
    assert f"{photo} is larger than the {value} mega" in ran.sentence
    assert run(*words, value + 1).code == 0


def test_an_unknown_model_is_wrong_usage(run, write_picture, mask_file) -> None:
    ran = run("fix", write_picture("p.png"), "--mask", mask_file, "--model", "inpiant")
    assert ran.code == 2
    assert "no checkpoint 'inpiant'" in ran.sentence


@pytest.mark.parametrize("out", ["p.gif", "p.jp2"])
def test_a_format_that_is_not_written_is_wrong_usage(
    out: str, run, write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    ran = run("fix", write_picture("p.png"), "--mask", mask_file, "--out", tmp_path / "new" / out)
    assert (ran.code, fake_restorer.seeds) == (2, [])
    assert ".png" in ran.sentence
    assert not (tmp_path / "new").exists()


def test_an_impossible_folder_is_one_sentence(
    run, write_picture, mask_file, fake_restorer, tmp_path
) -> None:
    (tmp_path / "file").write_text("")
    ran = run("fix", write_picture("p.png"), "--mask", mask_file, "--out", tmp_path / "file/x.png")
    assert ran.code == 2
    assert str(tmp_path / "file") in ran.sentence


def test_ctrl_c_leaves_nothing_half_done(write_picture, mask_file, tiny_checkpoint, tmp_path):
    """A real interrupt in the middle of many results: those there are whole, none is partial."""
    photo = write_picture("p.png")
    words = ["--mask", mask_file, "--model", tiny_checkpoint, "--count", "1000"]
    command = [sys.executable, "-m", "restore", "fix", photo, *words, "--out", f"{tmp_path}/new/"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # A shell that starts tests in the background has them and their children ignore SIGINT.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    try:
        while not (tmp_path / "new" / "p-2.png").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()  # of a test that failed nothing goes on
    assert process.returncode == 130
    assert err.strip() == b""
    results = sorted((tmp_path / "new").iterdir())
    assert 2 <= len(results) < 1000
    for result in results:
        assert result.suffix == ".png"
        Image.open(result).load()


@pytest.mark.parametrize(
    ("installed", "model", "upscale"),
    [([], "inpaint", 1), (["mend"], "inpaint+mend", 1), (["mend"], "inpaint+mend", 2)],
)
def test_damage_is_found_and_filled(
    installed,
    model,
    upscale,
    run,
    write_picture,
    fake_restorer,
    bright_detector,
    tmp_path,
    monkeypatch,
) -> None:
    class Named:
        def __init__(self, name: str, upscale: int) -> None:
            self.name, self.upscale = name, upscale

        def fix(self, photo: np.ndarray, mask: np.ndarray | None = None, seed: int = 0):
            assert photo.shape == (40, 60, 3)
            if self.name == "mend":
                assert mask is None and self.upscale == upscale
                return photo.repeat(upscale, 0).repeat(upscale, 1) // 2
            assert mask is not None and self.upscale == 1
            return np.where(mask[..., None] == 1, 40, photo)

    def load(name: str, upscale: int = 1, **_: object) -> Named:
        return Named(name, upscale)

    monkeypatch.setattr("restore.folders.run.checkpoint_names", lambda: installed)
    monkeypatch.setattr("restore.restorer.Restorer.load", load)
    pixels = np.full((40, 60, 3), 90, np.uint8)
    pixels[20] = 255
    words = ["--find", "scratches", "--upscale", str(upscale), "--json"]
    ran = run("fix", write_picture("p.png", pixels), *words)
    assert ran.code == 0 and json.loads(ran.out)["model"] == model
    fixed = np.array(Image.open(tmp_path / "p-fixed.png"))
    assert fixed.shape == (40 * upscale, 60 * upscale, 3)
    fixed = fixed[::upscale, ::upscale]
    share = 2 if installed else 1
    assert (fixed[20] == 40 // share).all() and (np.delete(fixed, 20, 0) == 90 // share).all()


def test_damage_is_found_in_a_folder_too(
    run, write_picture, fake_restorer, bright_detector, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("restore.folders.run.checkpoint_names", list)
    write_picture("photos/a.png")
    pixels = np.full((40, 60, 3), 90, np.uint8)
    pixels[20] = 255
    write_picture("photos/sub/b.png", pixels)
    words = ["fix", "photos", "--find", "scratches", "--out", "out", "--seed", "7"]
    ran = run(*words)
    assert ran.code == 0
    fixed = np.array(Image.open("out/sub/b.png"))
    assert (fixed[20] == 7).all() and (fixed[0] == 90).all()
    assert "2 kept" in run(*words, "--resume").out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["p.png", "--find", "scratches", "--mask", "mask.png"], "leave out --mask"),
        (["p.png", "--find", "scratches", "--mask-is", "alpha"], "leave out --mask"),
        (["p.png", "--find", "scratch"], "no checkpoint 'scratch'"),
        (["p.png", "--find", "inpaint"], "--find takes one that finds damage"),
    ],
)
def test_what_find_can_not_do_is_told(
    words: list[str], sentence: str, run, write_picture, mask_file, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture("p.png")
    ran = run("fix", *words)
    assert ran.code == 2 and sentence in ran.sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.png", "p.png"]


def test_a_quality_is_that_of_the_result(
    run, fake_restorer, write_picture, mask_file, tmp_path
) -> None:
    photo = write_picture("a.jpg", quality=90)
    sizes = []
    for quality in (10, 80):
        out = tmp_path / f"{quality}.jpg"
        assert run("fix", photo, "--mask", mask_file, "--quality", quality, "--out", out).code == 0
        sizes.append(out.stat().st_size)
    assert 1.5 * sizes[0] < sizes[1] < photo.stat().st_size


def test_how_sure_the_detector_has_to_be_may_be_said(
    run, write_picture, fake_restorer, bright_detector, monkeypatch
) -> None:
    monkeypatch.setattr("restore.folders.run.checkpoint_names", list)
    pixels = np.full((40, 60, 3), 90, np.uint8)
    pixels[20] = 200
    photo = write_picture("p.png", pixels)
    for threshold, share in ((0.9, 0), (0.7, 0.025)):
        words = ["--find", "scratches", "--threshold", threshold, "--json", "--overwrite"]
        ran = run("fix", photo, *words)
        assert ran.code == 0 and json.loads(ran.out)["hole"] == share
    assert "add --find scratches" in run("fix", photo, "--threshold", 0.3).sentence
