"""`restore export`: a model as an ONNX file."""

from pathlib import Path

import click

from restore.commands.messages import say, to_printable
from restore.commands.options import FILE, overwrite_option

EXAMPLES = """\b
Examples:
  restore export inpaint --out inpaint.onnx
  restore export runs/mine
"""


@click.command(epilog=EXAMPLES)
@click.argument("model", metavar="NAME|FILE|RUN")
@click.option("--out", type=FILE, metavar="FILE.onnx", help="Where it goes. [default: NAME.onnx]")
@overwrite_option
def export(model: str, out: Path | None, overwrite: bool) -> None:
    """Write a model as ONNX, for programs without PyTorch.

    The file of a restorer or a detector takes any number of photos of any size that is a multiple
    of its `multiple_of`, that of a sampler any number of noises; its metadata say what goes in and
    comes out. It is compared with PyTorch before it is written. Needs
    pip install "restore-gan[onnx]".
    """
    from restore.export import EXTRA, export_onnx

    exported = export_onnx(model, out, overwrite=overwrite)
    size = f"{exported.out.stat().st_size / 1e6:.1f} MB"
    if exported.difference is None:
        say(f"The file was not compared with PyTorch: onnxruntime is missing; {EXTRA} brings it.")
    else:
        size += f", {exported.difference:.0e} from PyTorch at most"
    click.echo(to_printable(f"{exported.name} -> {exported.out} ({size})"))
