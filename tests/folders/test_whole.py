"""Photos that are mended as a whole: no mask, and what their files keep."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.checkpoint import (
    Header,
    NetworkSettings,
    build_network,
    load_network,
    save_checkpoint,
)
from restore.degradations.fading import fade
from restore.errors import RestoreError, UsageError
from restore.folders import FixOptions, Record, Tree, fix_folder, fix_photos, plan_folder
from restore.folders.run import pick_model
from restore.nets import RESTORERS

SETTINGS = NetworkSettings(
    kind="unet", arguments={"base": "damaged", "channels": [8, 8], "blocks": [1, 1]}
)


@pytest.fixture(scope="module")
def mender(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file of a small restorer of whole photos whose random weights change them."""
    path = tmp_path_factory.mktemp("checkpoints") / "tiny-mend.safetensors"
    torch.manual_seed(0)
    network = build_network(RESTORERS, SETTINGS)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    header = Header(name="tiny-mend", task="mend", network=SETTINGS, size=64)
    save_checkpoint(path, network, header)
    return str(path)


def _mend(photo: Path, mender: str, options: FixOptions | None = None) -> Path:
    (record,) = fix_photos([photo], None, options or FixOptions(), model=mender, device="cpu")
    assert isinstance(record, Record), record.error
    return record.out


def test_a_mended_jpeg_does_not_get_its_blocks_back(write_picture, mender: str) -> None:
    photo = write_picture("p.jpg", quality=20)
    with Image.open(photo) as before, Image.open(_mend(photo, mender)) as after:
        tables = (before.quantization, after.quantization)
        assert sum(tables[0][0]) > 1000 > 370 > sum(tables[1][0])
        assert after.layer[0][1:3] == (1, 1), "4:4:4"
    fine = write_picture("q.jpg", quality=98)
    with Image.open(fine) as before, Image.open(_mend(fine, mender)) as after:
        assert before.quantization == after.quantization and before.layer == after.layer


def test_what_is_mended_in_a_mask_is_not_compressed_again(
    tmp_path: Path, write_picture, mender: str
) -> None:
    Image.open(write_picture("p.png")).save(tmp_path / "a.jpg", quality=10)
    hole = np.zeros((40, 60), np.uint8)
    hole[10:30, 10:40] = 255
    fixed = _mend(tmp_path / "a.jpg", mender, FixOptions(write_picture("m.png", hole)))
    with Image.open(tmp_path / "a.jpg") as before, Image.open(fixed) as after:
        assert sum(after.quantization[0]) < sum(before.quantization[0]) / 8


def _read(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def test_a_photo_is_mended_without_a_mask(write_picture, mender: str) -> None:
    photo = write_picture("p.png")
    mended = _mend(photo, mender)
    assert mended.name == "p-fixed.png" and _read(mended).shape == _read(photo).shape
    assert (_read(mended) != _read(photo)).mean() > 0.5


def test_gray_stays_gray_and_transparency_stays(write_picture, mender: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 4), np.uint8)
    gray = _mend(write_picture("gray.png", noise[..., 0]), mender)
    assert Image.open(gray).mode == "L" and (_read(gray) != noise[..., 0]).any()
    clear = _read(_mend(write_picture("clear.png", noise), mender))
    assert np.array_equal(clear[..., 3], noise[..., 3]) and (clear != noise).any()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_stay_sixteen(tmp_path: Path, mender: str, channels: int) -> None:
    deep = np.random.default_rng(1).integers(0, 2**16, (40, 60, channels), np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    mended = np.atleast_3d(cv2.imread(str(_mend(tmp_path / "deep.png", mender)), -1))
    assert mended.dtype == np.uint16 and mended.shape == deep.shape
    assert (mended[..., :3] % 257 != 0).mean() > 0.7, "not 8 bits made wide"
    if channels == 4:
        assert np.array_equal(mended[..., 3], deep[..., 3])


def test_sixteen_bits_are_mended_inside_a_mask(write_picture, tmp_path: Path, mender: str) -> None:
    deep = np.random.default_rng(1).integers(0, 2**16, (40, 60, 4), np.uint16)
    deep[..., 3] = 65_535
    deep[:, 50:, 3] = 0
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    hole = np.zeros((40, 60), np.uint8)
    hole[10:30, 20:50] = 255
    options = FixOptions(write_picture("m.png", hole))
    mended = cv2.imread(str(_mend(tmp_path / "deep.png", mender, options)), -1)
    assert np.array_equal(mended[hole == 0], deep[hole == 0])
    assert (mended[hole == 255][:, :3] % 257 != 0).mean() > 0.7, "not 8 bits made wide"


@pytest.mark.parametrize(("name", "factor"), [("p.jpg", 2), ("p.png", 4)])
def test_a_photo_gets_larger_and_its_file_says_so(
    write_picture, mender: str, name: str, factor: int
) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0100] = "Maker", 60
    exif.get_ifd(0x8769).update({0xA002: 60, 0xA003: 40, 0x9003: "2026:01:01 00:00:00"})
    photo = write_picture(name, exif=exif, dpi=(300, 300))
    with Image.open(_mend(photo, mender, FixOptions(upscale=factor))) as mended:
        assert mended.size == (60 * factor, 40 * factor)
        tags = mended.getexif()
        assert tags[0x010F] == "Maker" and tags[0x0100] == 60 * factor
        inner = tags.get_ifd(0x8769)
        assert (inner[0xA002], inner[0xA003]) == mended.size
        assert inner[0x9003] == "2026:01:01 00:00:00"
        assert round(mended.info["dpi"][0]) == 300


def test_what_is_enlarged_keeps_its_bits_and_its_transparency(tmp_path: Path, mender: str) -> None:
    deep = np.random.default_rng(1).integers(0, 2**16, (20, 30, 4), np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    mended = cv2.imread(str(_mend(tmp_path / "deep.png", mender, FixOptions(upscale=2))), -1)
    assert mended.shape == (40, 60, 4) and mended.dtype == np.uint16
    clear = np.full((20, 30, 4), 255, np.uint8)
    clear[:, 15:] = 0  # black, and not to be seen
    cv2.imwrite(str(tmp_path / "clear.png"), clear)
    pixels = _read(_mend(tmp_path / "clear.png", mender, FixOptions(upscale=2)))
    assert (pixels[:, 32:, 3] == 0).all() and (pixels[:, 32:, :3] == 255).all(), "not mended"


def test_a_result_that_would_be_too_large_is_refused(write_picture, mender: str) -> None:
    options = FixOptions(upscale=4, max_pixels=40 * 60 * 15)
    (failure,) = fix_photos([write_picture("p.png")], None, options, model=mender)
    assert isinstance(failure.error, RestoreError)
    assert "p.png would have 0 megapixels" in str(failure.error)


def test_fading_stays_where_that_is_wanted(write_picture, tmp_path: Path) -> None:
    network = build_network(RESTORERS, SETTINGS)
    for weight in network.parameters():
        torch.nn.init.zeros_(weight)
    save_checkpoint(
        tmp_path / "same.safetensors",
        network,
        Header(name="same", task="mend", network=SETTINGS, size=64),
    )
    faded = write_picture("p.png", fade(data.coffee()[:200, :300], 0.4))
    pale, fresh = (
        _read(_mend(faded, str(tmp_path / "same.safetensors"), FixOptions(**options)))
        for options in ({"keep_fading": True}, {"keep_fading": False, "overwrite": True})
    )
    assert np.array_equal(pale, _read(faded)) and fresh.std() > 1.4 * pale.std()


def test_a_folder_is_mended_to_the_same_files(write_picture, mender: str, tmp_path: Path) -> None:
    photos = [write_picture(f"photos/{name}") for name in ("a.png", "deep/b.jpg")]
    tree = Tree(tmp_path / "photos", tmp_path / "fixed", FixOptions())
    entries = list(fix_folder(plan_folder(tree), model=mender, device="cpu"))
    assert [entry.status for entry in entries] == ["done", "done"]
    for photo in photos:
        alone = _mend(photo, mender)
        folder = tmp_path / "fixed" / photo.relative_to(tmp_path / "photos")
        assert alone.read_bytes() == folder.read_bytes()


def test_a_folder_is_mended_again_when_the_natural_weights_are_others(
    write_picture, mender: str, tmp_path: Path
) -> None:
    write_picture("photos/a.png")
    faithful, natural = tmp_path / "m.safetensors", tmp_path / "m-natural.safetensors"
    for path in (faithful, natural):
        path.write_bytes(Path(mender).read_bytes())
    tree = Tree(tmp_path / "photos", tmp_path / "fixed", FixOptions(natural=0.5), resume=True)

    def fix() -> str:
        (entry,) = fix_folder(plan_folder(tree), model=str(faithful), device="cpu")
        return entry.status

    assert [fix(), fix()] == ["done", "kept"]
    header, network = load_network(faithful, RESTORERS)
    for weight in network.parameters():
        weight.data += 0.01
    save_checkpoint(natural, network, header)
    assert fix() == "done"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (FixOptions(mask_is="known"), "change a mask, and there is none"),
        (FixOptions(grow=2), "change a mask, and there is none"),
        (FixOptions(adapt=30), "mark the hole with --mask"),
        (FixOptions(Path("mask.png"), upscale=2), "leave out the mask"),
        (FixOptions(mask_is="alpha", natural=0.5), "leave out the mask"),
        (FixOptions(Path("mask.png"), tta=True), "leave out the mask"),
        (FixOptions(Path("mask.png"), keep_fading=True), "leave out the mask"),
        (FixOptions(natural=0.5), "no natural weights"),
        (FixOptions(strength=1.5), "from 0 to 1, not 1.5"),
        (FixOptions(Path("mask.png"), strength=0.5), "add --mend to fill what it marks"),
        (FixOptions(Path("mask.png"), boxes=((1, 1, 9, 9),)), "--box says what to fill"),
        (FixOptions(mask_is="known", boxes=((1, 1, 9, 9),)), "--box says what to fill"),
        (FixOptions(find="scratches", boxes=((1, 1, 9, 9),)), "and --box"),
        (FixOptions(boxes=((1, 1, 9, 9),), upscale=2), "leave out the mask"),
        (FixOptions(mend=True), "nothing marks one"),
        (FixOptions(Path("mask.png"), mend=True, adapt=30), "leave out --mend"),
        (FixOptions(Path("mask.png"), mend=True), "tiny-mend fills no holes"),
    ],
)
def test_what_does_not_go_together_is_refused(
    write_picture, mask_file, mender: str, options: FixOptions, sentence: str, monkeypatch
) -> None:
    monkeypatch.chdir(mask_file.parent)
    with pytest.raises(UsageError, match=sentence):
        list(fix_photos([write_picture("p.png")], None, options, model=mender))


def test_a_marked_photo_may_be_filled_mended_and_enlarged(
    write_picture, mask_file, tiny_checkpoint, mender: str, monkeypatch
) -> None:
    shipped = {"mend": Path(mender)}
    monkeypatch.setattr("restore.folders.run.checkpoint_names", lambda: [*shipped])
    monkeypatch.setattr(
        "restore.restorer.checkpoint_path", lambda name: shipped.get(name, Path(name))
    )
    options = FixOptions(mask_file, mend=True, upscale=2)
    photo, model = write_picture("p.png"), str(tiny_checkpoint)
    (record,) = fix_photos([photo], None, options, model=model, device="cpu")
    assert isinstance(record, Record), record.error
    assert record.model == "tiny+tiny-mend" and record.hole and record.mask == mask_file
    with Image.open(record.out) as larger:
        assert larger.size == (120, 80)
    monkeypatch.setattr("restore.folders.run.checkpoint_names", lambda: [])
    record.out.unlink()
    with pytest.raises(UsageError, match="which is not installed; leave it out"):
        list(fix_photos([photo], None, options, model=model, device="cpu"))


def test_find_and_mend_need_what_mends(write_picture, tiny_checkpoint, monkeypatch) -> None:
    monkeypatch.setattr("restore.folders.run.checkpoint_names", lambda: [])
    options = FixOptions(find="scratches", mend=True)
    with pytest.raises(UsageError, match="which is not installed; leave it out"):
        list(fix_photos([write_picture("p.png")], None, options, model=str(tiny_checkpoint)))


def test_what_fills_holes_needs_a_mask(write_picture, tiny_checkpoint) -> None:
    with pytest.raises(UsageError, match=r"^tiny fills holes and needs a mask; add --mask MASK"):
        list(fix_photos([write_picture("p.png")], None, FixOptions(), model=str(tiny_checkpoint)))


def test_what_is_found_is_filled_by_what_fills_holes(
    write_picture, mender: str, tmp_path: Path
) -> None:
    photo, options = write_picture("photos/p.png"), FixOptions(find="scratches")
    tree = Tree(photo.parent, tmp_path / "fixed", options)
    with pytest.raises(UsageError, match=r"tiny-mend fills no holes; .*such as inpaint\.$"):
        list(fix_photos([photo], None, options, model=mender))
    with pytest.raises(UsageError, match="tiny-mend fills no holes"):
        list(fix_folder(plan_folder(tree), model=mender))
    assert list(tmp_path.rglob("*.*")) == [photo]


def test_what_is_found_may_be_filled_by_another_restorer(tiny_checkpoint) -> None:
    model = str(tiny_checkpoint)
    assert pick_model(model, FixOptions(find="scratches")) == model


def test_a_photo_that_got_its_colours_back_is_named(save_mender, tmp_path: Path) -> None:
    mender = str(save_mender(tmp_path / "w.safetensors", 0, std=0.001))  # changes nearly nothing
    album = tmp_path / "album"
    faded, clean = album / "faded.png", album / "clean.png"
    album.mkdir()
    Image.fromarray(fade(data.astronaut()[:256, :256], 0.4)).save(faded)
    Image.fromarray(data.astronaut()[:256, :256]).save(clean)
    said: list[str] = []
    for photo in (faded, clean):
        options = FixOptions(overwrite=True, count=2)
        list(fix_photos([photo], None, options, model=mender, device="cpu", warn=said.append))
    assert len(said) == 1 and said[0].startswith(f"{faded} looked faded")
    keep = FixOptions(keep_fading=True, overwrite=True)
    list(fix_photos([faded], None, keep, model=mender, device="cpu", warn=said.append))
    assert len(said) == 1
    for path in album.glob("*-fixed*"):
        path.unlink()
    for path in album.glob("*-[12].png"):
        path.unlink()
    plan = plan_folder(Tree(album, tmp_path / "out", FixOptions()))
    entries = {}
    for item in fix_folder(plan, model=mender, device="cpu"):
        if not isinstance(item, str):
            entries[item.photo] = item.sentence
    assert entries.keys() == {"clean.png", "faded.png"} and entries["clean.png"] is None
    assert "--keep-fading" in (entries["faded.png"] or "")
