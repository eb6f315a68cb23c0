import tarfile
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from PIL import Image

from restore.data import Pair, find_photos, list_photos
from restore.data.sources import MAX_BYTES, ZipMember, read_photo, read_photo_bytes, stamp_of
from restore.errors import RestoreError

NAMES = ["0.png", "deep/1.jpg", "deep/er/2.webp"]


@pytest.fixture
def folder(tmp_path: Path, write_photo: Callable[..., Path]) -> Path:
    for seed, name in enumerate(NAMES):
        write_photo(tmp_path / "photos" / name, seed)
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    (tmp_path / "photos" / "._0.png").write_text("what macOS leaves behind")
    return tmp_path / "photos"


@pytest.fixture
def zipped(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
        archive.writestr("__MACOSX/0.png", b"")
    return target


@pytest.fixture
def tarred(folder: Path) -> Path:
    target = folder.with_suffix(".tar")
    with tarfile.open(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, str(path.relative_to(folder)), recursive=False)
    return target


def test_photos_are_found_at_any_depth(folder: Path) -> None:
    assert [p.relative_to(folder).as_posix() for p in list_photos(folder)] == NAMES


@pytest.mark.parametrize("kind", ["zipped", "tarred"])
def test_an_archive_is_read_in_place_as_the_folder_it_was_made_of(
    kind: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    archive = request.getfixturevalue(kind)
    there, here = find_photos(archive).photos, find_photos(folder).photos
    assert list(there) == list(here) == NAMES
    for name in NAMES:
        assert np.array_equal(read_photo(there[name]), read_photo(here[name]))
        assert stamp_of(there[name]) and str(there[name]) == f"{archive}/{name}"


def test_a_folder_of_tars_is_read_shard_by_shard(tarred: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(2):
        (shards / f"{number}.tar").write_bytes(tarred.read_bytes())
    assert list(find_photos(shards).photos) == [f"{n}.tar/{name}" for n in (0, 1) for name in NAMES]


def test_a_zip_that_is_replaced_is_opened_anew(zipped: Path) -> None:
    find_photos(zipped)
    zipped.unlink()
    with ZipFile(zipped, "w") as archive:
        archive.writestr("another.png", b"not a picture")
    assert list(find_photos(zipped).photos) == ["another.png"]


def test_photos_are_paired_by_relative_path_whatever_the_extension(
    folder: Path, tmp_path: Path, write_photo: Callable[..., Path]
) -> None:
    damaged = tmp_path / "damaged"
    for name in ("0.jpg", "deep/1.png", "other/2.png"):
        write_photo(damaged / name)
    found = find_photos((damaged, folder))
    assert found.photos == {
        "0.png": Pair(damaged / "0.jpg", folder / "0.png"),
        "deep/1.jpg": Pair(damaged / "deep/1.png", folder / "deep/1.jpg"),
    }
    assert found.unpaired == [str(damaged / "other/2.png"), str(folder / "deep/er/2.webp")]


def test_of_two_photos_with_one_partner_the_first_is_taken(
    tmp_path: Path, write_photo: Callable[..., Path]
) -> None:
    damaged, clean = tmp_path / "damaged", tmp_path / "clean"
    for path in (damaged / "a.png", damaged / "a.webp", clean / "a.jpg"):
        write_photo(path)
    (clean / "b.gif").write_bytes(b"something")
    found = find_photos((damaged, clean))
    assert found.photos == {"a.jpg": Pair(damaged / "a.png", clean / "a.jpg")}
    assert found.unpaired == [str(damaged / "a.webp")] and found.unread == ["b.gif"]


def test_photos_of_one_extension_are_partners_first(
    tmp_path: Path, write_photo: Callable[..., Path]
) -> None:
    damaged, clean = tmp_path / "damaged", tmp_path / "clean"
    for path in (damaged / "a.png", damaged / "a.jpg", clean / "a.jpg", clean / "a.png"):
        write_photo(path)
    write_photo(clean / "a.bmp")
    found = find_photos((damaged, clean))
    assert found.photos == {name: Pair(damaged / name, clean / name) for name in ("a.jpg", "a.png")}
    assert found.unpaired == [str(clean / "a.bmp")]


def test_pictures_of_other_formats_are_told(
    tmp_path: Path, write_photo: Callable[..., Path]
) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a.gif", "deep/b.JXL", "notes.txt"):
        (tmp_path / name).write_bytes(b"something")
    with pytest.raises(RestoreError, match=r"holds no photos.* Left out, of a format.* a\.gif"):
        find_photos(tmp_path)
    write_photo(tmp_path / "c.png")
    found = find_photos(tmp_path)
    assert (list(found.photos), found.unread) == (["c.png"], ["a.gif", "deep/b.JXL"])
    (tmp_path / "deep" / "cats").symlink_to(tmp_path.parent)
    assert find_photos(tmp_path).unread[-1] == "deep/cats/"
    said: list[str] = []
    assert list_photos(tmp_path, said.append) == [tmp_path / "c.png"]
    assert said == [
        "Left out, of a format that isn't read, a linked folder or one of results: 3, the first is "
        "a.gif."
    ]


@pytest.mark.parametrize("kind", ["zipped", "tarred"])
def test_pictures_of_other_formats_in_archives_are_told(
    kind: str, folder: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (folder / "deep/scan.CR2").write_bytes(b"something")
    archive = request.getfixturevalue(kind)
    found = find_photos(archive)
    assert (list(found.photos), found.unread) == (NAMES, ["deep/scan.CR2"])
    if kind == "tarred":
        shards = tmp_path / "shards"
        shards.mkdir()
        archive.rename(shards / "0.tar")
        (shards / "._0.tar").write_text("what macOS leaves behind")
        found = find_photos(shards)
        assert found.unread == ["0.tar/deep/scan.CR2"] and len(found.photos) == len(NAMES)


def test_pairs_meet_however_their_accents_are_written(
    tmp_path: Path, write_photo: Callable[..., Path]
) -> None:
    composed, parted = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"
    write_photo(tmp_path / f"damaged/{parted}.png")
    write_photo(tmp_path / f"clean/{composed}.jpg")
    (pair,) = find_photos((tmp_path / "damaged", tmp_path / "clean")).photos.values()
    assert isinstance(pair, Pair)


def test_results_of_an_earlier_run_are_no_photos(
    tmp_path: Path, write_photo: Callable[..., Path]
) -> None:
    write_photo(tmp_path / "a.png")
    write_photo(tmp_path / "trip-fixed/deep/a.png")
    (tmp_path / "trip-fixed/report.jsonl").touch()
    found = find_photos(tmp_path)
    assert (list(found.photos), found.unread) == (["a.png"], ["trip-fixed/"])
    assert list(find_photos(tmp_path / "trip-fixed").photos) == ["deep/a.png"]


def test_previews_of_runs_are_no_photos(tmp_path: Path, write_photo: Callable[..., Path]) -> None:
    write_photo(tmp_path / "samples/a.png")
    for name in ("00000100.png", "mine.png"):
        write_photo(tmp_path / "run/samples" / name)
    (tmp_path / "run/recipe.toml").touch()
    assert list(find_photos(tmp_path).photos) == ["run/samples/mine.png", "samples/a.png"]


def _pack(folder: Path, target: Path, top: str) -> Path:
    """Put a folder into a zip or tar, below `top`."""
    files = [(path, f"{top}/{path.relative_to(folder)}") for path in sorted(folder.rglob("*.*"))]
    if target.suffix == ".zip":
        with ZipFile(target, "w") as zipped:
            for path, name in files:
                zipped.write(path, name)
    else:
        with tarfile.open(target, "w") as tarred:
            for path, name in files:
                tarred.add(path, name)
    return target


@pytest.fixture
def halves(tmp_path: Path, write_photo: Callable[..., Path]) -> tuple[Path, Path]:
    """Two folders of two pairs, with different extensions."""
    for name in ("p1", "deep/p2"):
        write_photo(tmp_path / "damaged" / f"{name}.jpg")
        write_photo(tmp_path / "clean" / f"{name}.png")
    return tmp_path / "damaged", tmp_path / "clean"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a.zip", "damaged"), ("b.zip", "clean")),
        (("a.tar", "./damaged"), ("b.tar", "./clean")),
        (("a.zip", "damaged"), ("b.tar", ".")),
        (("a.tar", "."), ("b.zip", "clean")),
    ],
)
def test_archives_made_of_two_folders_are_paired_below_the_names_of_these(
    halves: tuple[Path, Path], tmp_path: Path, first: tuple[str, str], second: tuple[str, str]
) -> None:
    damaged = _pack(halves[0], tmp_path / first[0], first[1])
    clean = _pack(halves[1], tmp_path / second[0], second[1])
    for sources in ((damaged, clean), (halves[0], clean), (damaged, halves[1])):
        found = find_photos(sources)
        assert found.unpaired == []
        assert list(found.photos) == list(find_photos(sources[1]).photos)  # names stay as they are
        for pair in found.photos.values():
            assert isinstance(pair, Pair)
            assert Path(str(pair.damaged)).stem == Path(str(pair.clean)).stem


def test_a_folder_that_one_archive_has_alone_still_pairs_its_photos(
    halves: tuple[Path, Path], tmp_path: Path
) -> None:
    """All damaged photos lie in deep/, so that it could be taken for what wraps the archive."""
    (halves[0] / "p1.jpg").unlink()
    with ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.write(halves[0] / "deep/p2.jpg", "deep/p2.jpg")
    for clean in (halves[1], _pack(halves[1], tmp_path / "b.tar", ".")):
        found = find_photos((tmp_path / "a.zip", clean))
        assert [Path(name).as_posix() for name in found.photos] == ["deep/p2.png"]


def test_a_folder_in_a_folder_counts_in_pairs(halves: tuple[Path, Path], tmp_path: Path) -> None:
    for number, half in enumerate(halves):
        (tmp_path / str(number)).mkdir()
        half.rename(tmp_path / str(number) / half.name)
    with pytest.raises(RestoreError, match="No photo in"):
        find_photos((tmp_path / "0", tmp_path / "1"))


def test_what_holds_no_photos_is_told(folder: Path, zipped: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.zip").write_bytes(zipped.read_bytes()[:-100])
    (tmp_path / "cut.tar").write_bytes(b"ustar")
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as archive:
        archive.add(folder, "photos")
    for source, words in (
        ("empty", "empty holds no photos; looked for .png"),
        ("absent", "There is nothing at .*absent; name a folder or a zip"),
        ("photos/0.png", "0.png is not a zip that can be read"),
        ("cut.zip", "cut.zip is not a zip that can be read"),
        ("cut.tar", "cut.tar is not a zip"),
        ("packed.tar", "packed.tar is not a tar that can be read in place"),
    ):
        with pytest.raises(RestoreError, match=words):
            find_photos(tmp_path / source)
    with pytest.raises(RestoreError, match="There is no folder"):
        list_photos(tmp_path / "absent")
    with pytest.raises(RestoreError, match="empty holds no photos"):
        list_photos(tmp_path / "empty")
    with pytest.raises(RestoreError, match=r"No photo in .* has the relative path of one in"):
        find_photos((folder, folder / "deep"))


def test_a_photo_that_cannot_be_read_is_told_in_a_sentence(zipped: Path, tmp_path: Path) -> None:
    damaged = bytearray(zipped.read_bytes())
    damaged[60:120] = bytes(60)
    zipped.write_bytes(damaged)
    (tmp_path / "bad\x1b[31m.png").write_bytes(b"no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("F", (40, 40)).save(tmp_path / "deep.tif")
    for photo, words in (
        (find_photos(zipped).photos["0.png"], "0.png can't be unpacked"),
        (ZipMember(zipped, "absent.png", 9), "absent.png can't be unpacked"),
        (ZipMember(zipped, "bomb.png", MAX_BYTES + 1), "bomb.png can't be unpacked"),
        (tmp_path / "absent.png", "Can't read .*absent.png: No such file"),
        (tmp_path / "empty.png", r"empty.png is empty \(0 bytes\)"),
        (tmp_path / "bad\x1b[31m.png", r"x1b.* is not a picture"),
        (tmp_path / "deep.tif", "deep.tif has 32 bits per channel"),
    ):
        with pytest.raises(RestoreError, match=words) as told:
            read_photo(photo)  # type: ignore[arg-type]
        assert str(told.value).endswith(".") and str(told.value).isprintable()


def test_an_encrypted_photo_is_told(tmp_path: Path) -> None:
    archive = tmp_path / "locked.zip"
    with ZipFile(archive, "w") as zipped:
        zipped.writestr("a.png", b"secret")
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(RestoreError, match=r"a.png can't be unpacked .*encrypted"):
        read_photo_bytes(find_photos(archive).photos["a.png"], "a.png")  # type: ignore[arg-type]


def test_what_is_transparent_is_learned_as_white(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 10, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:4, :, 3] = 0  # with colours of nobody's picture beneath
    pixels[4, 0] = (0, 100, 200, 128)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    learned = read_photo(tmp_path / "a.png")
    assert (learned[:4] == 255).all()
    assert np.array_equal(learned[5:], pixels[5:, :, :3])
    assert learned[4, 0].tolist() == [127, 177, 227]
