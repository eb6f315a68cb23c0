"""What all commands share: help, errors, interruption, pipes, speed."""

import errno
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image

from restore import __version__
from restore.commands import cli, main
from restore.commands.messages import to_printable
from restore.errors import RestoreError, UsageError


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["fix", "-h"], ["mask", "--help"]])
def test_help_is_printed(words: list[str], run) -> None:
    ran = run(*words)
    assert ran.code == 0
    assert ran.out.startswith("Usage: restore")
    assert ran.err == ""


def test_the_version_is_printed(run) -> None:
    assert run("--version").out == f"restore {__version__}\n"


def test_without_a_command_the_help_comes_with_the_code_of_wrong_usage(run) -> None:
    ran = run()
    assert ran.code == 2
    assert "Commands:" in ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fxi"], "No such command 'fxi'."),
        (["fix"], "Missing argument 'PHOTO...|FOLDER'. Try 'restore fix --help'."),
        (["fix", "p.png", "--grwo", "3"], "--grow"),
        (["fix", "p.png", "--mask-is", "x"], "'x' is not one of 'hole', 'known', 'alpha'."),
        (["fix", "p.png", "--count", "0"], "0 is not in the range"),
        (["fix", "p.png", "--seed", "-1"], "-1 is not in the range"),
        (["fix", "p.png", "--grow", "-1"], "-1 is not in the range"),
        (["fix", "p.png", "--device", "tpu"], "'tpu' is not one of"),
        (["fix", "p.png", "--device", "cuda:99"], "offers no 'cuda:99'"),
        (["mask", "--box", "1,2,3"], "'1,2,3' is not of the form X,Y,W,H"),
        (["mask", "--box", "1,2,3,x"], "'x' is not a valid integer range"),
        (["mask", "--size", "10"], "'10' is not of the form WIDTHxHEIGHT"),
        (["mask", "--size", "0x4"], "0 is not in the range"),
        (["models", "--fetch", "all"], "'all' is not"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(words: list[str], sentence: str, run) -> None:
    ran = run(*words)
    assert ran.code == 2
    assert sentence in ran.sentence


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (RestoreError("It\nbroke."), 1, "It broke."),
        (UsageError("Say more."), 2, "Say more."),
        (PermissionError(errno.EACCES, "Permission denied", "a.png"), 1, "a.png can't be used: P"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device."),
        (MemoryError(), 1, "not enough memory"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
        (RuntimeError("CUDA\nout of memory"), 1, "RESTORE_DEBUG=1"),
        (click.BadParameter("no"), 2, "Invalid value: no."),
    ],
)
def test_every_error_is_one_sentence(
    error: Exception, code: int, sentence: str, run, monkeypatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli.commands["models"], "callback", fail)
    ran = run("models")
    assert ran.code == code
    assert sentence in ran.sentence


def test_developers_get_the_traceback(monkeypatch) -> None:
    monkeypatch.setattr(cli.commands["models"], "callback", lambda **_: 1 / 0)
    monkeypatch.setenv("RESTORE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["models"])


def test_ctrl_c_is_quiet(run, monkeypatch) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.commands["models"], "callback", interrupt)
    ran = run("models")
    assert ran.code == 130
    assert ran.out == ""
    assert ran.err.strip() == ""


def test_options_of_fix_stand_under_headings(run) -> None:
    told = run("fix", "--help").out
    headings = [line for line in told.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings[0] == "What is filled:" and headings[-1] == "Other options:"
    assert headings[-2] == "For a folder of photos:" and len(headings) == 5
    shown = re.findall(r"^  (?:-h, )?--([\w-]+)", told, re.M)
    options = {opt.removeprefix("--") for p in cli.commands["fix"].params for opt in p.opts}
    assert sorted(shown) == sorted({*options - {"photos"}, "help"})


@pytest.mark.parametrize("words", [["--help"], ["models"]])
def test_a_broken_pipe_is_quiet(words: list[str]) -> None:
    """The reader is gone before the first line is written, as with `restore models | true`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "restore", *words]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert ran.stderr == b""
    assert ran.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="file descriptors of POSIX")
def test_a_closed_output_is_no_failure() -> None:
    command = [sys.executable, "-m", "restore", "models"]
    ran = subprocess.run(
        command, stderr=subprocess.PIPE, check=False, preexec_fn=lambda: os.close(1)
    )
    assert ran.stderr == b""
    assert ran.returncode == 0


def test_help_needs_no_heavy_import() -> None:
    """`restore --help` and a wrong request import neither torch nor numpy."""
    program = (
        "import sys\n"
        "from restore.commands import main\n"
        "codes = main(['--help']), main(['fix', '--help']), main(['train'])\n"
        "heavy = {'torch', 'numpy', 'cv2', 'PIL', 'pydantic', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'{codes} {heavy}' if heavy or codes != (0, 0, 2) else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_wrong_request_is_told_before_torch_is_imported() -> None:
    program = (
        "import sys\n"
        "from restore.commands import main\n"
        "code = main(['fix', 'p.png', '--model', 'nothing'])\n"
        "sys.exit(1 if 'torch' in sys.modules else 10 + code)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert ran.returncode == 12, ran.stderr


def test_a_name_that_the_output_cannot_show_stops_nothing(tmp_path: Path) -> None:
    for name in ("a\N{GRINNING FACE}.png", "b.png"):
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    Image.new("L", (32, 32)).save(tmp_path / "m.png")
    command = [sys.executable, "-m", "restore", "fix", "a\N{GRINNING FACE}.png", "b.png"]
    ran = subprocess.run(
        [*command, "--mask", "m.png", "--out", "new/"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert b"a\\U0001f600.png" in ran.stdout and (tmp_path / "new" / "b.png").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="file descriptors of POSIX")
@pytest.mark.parametrize("closed", [(2,), (0, 2)])
def test_closed_streams_take_no_number_from_a_photo(
    closed: tuple[int, ...], write_picture, tmp_path: Path
) -> None:
    """Else what silences libtiff would send the file that got number 2 nowhere."""
    photo = write_picture("a.tif")
    command = [sys.executable, "-m", "restore", "degrade", photo, "--preset", "noisy"]

    def close() -> None:
        for number in closed:
            os.close(number)

    ran = subprocess.run(
        [*command, "--out", tmp_path / "b.tif"],
        stdout=subprocess.PIPE,
        check=False,
        preexec_fn=close,
    )
    assert ran.returncode == 0
    with Image.open(tmp_path / "b.tif") as spoiled, Image.open(photo) as clean:
        spoiled.load()
        assert spoiled.size == clean.size


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_is_shown_on_a_terminal_needs_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None for a stream that was closed when it started."""
    from restore.commands.messages import Sign

    monkeypatch.setattr(sys, name, None)
    Sign("Fixing a.jpg …").show()


def test_the_door_of_a_checkout_starts_nothing_twice() -> None:
    """Processes that read photos run the main file again, under another name."""
    runpy.run_path(str(Path(__file__).parents[2] / "cli.py"), run_name="__mp_main__")


def test_codes_for_the_terminal_are_shown_and_not_obeyed() -> None:
    assert to_printable("a\x1b[31m\nb\x9b é.jpg") == "a\\x1b[31m\\nb\\x9b é.jpg"
