"""Train a classifier for `restore evaluate` to read a sampler's pictures by.

    python benchmarks/classifier.py ../shared/data/mnist --name mnist --out runs/

About three minutes of one processor core for MNIST. Prints the share of held-out pictures that it
reads right and the line for the table in checkpoints/README.md.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from restore.assets import CLASSIFIER, checkpoints_folder
from restore.checkpoint import Header, NetworkSettings, build_network, save_checkpoint
from restore.data import Gallery, find_idx, open_held_out, open_idx, read_square
from restore.device import autocast
from restore.folders.report import hash_file
from restore.nets.classifier import CLASSIFIERS, Classifier

BATCH = 128
RATE = 3e-3  # of AdamW; the highest of a cycle that ends at 0
SMOOTHING = 0.05  # of the labels
TURN, GROW, SHIFT = 0.2, 0.1, 0.2  # largest rotation (radians), scale, shift (of half the size)


def distort(images: Tensor, rng: torch.Generator) -> Tensor:
    """Turn, grow and shift each of (N, C, S, S) a little, at random."""
    turn, grow, x, y = torch.rand((4, len(images)), generator=rng) * 2 - 1
    angle, scale = TURN * turn, 1 + GROW * grow
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    rows = torch.stack([cosine, -sine, SHIFT * x, sine, cosine, SHIFT * y], dim=1)
    grid = F.affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def train(network: Classifier, images: Tensor, labels: Tensor, epochs: int) -> None:
    """Fit `network` to pictures (N, C, S, S) uint8 and their labels (N,)."""
    rng = torch.Generator().manual_seed(0)
    steps = len(images) // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images), generator=rng).split(BATCH)[:steps]:
            shown = distort(images[chosen].float() / 255, rng)
            with autocast(torch.device("cpu")):
                logits = network(shown).logits
            loss = F.cross_entropy(logits.float(), labels[chosen], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()


def share_right(network: Classifier, images: Tensor, labels: Tensor) -> float:
    """Return the share of pictures whose label is read."""
    with torch.inference_mode():
        parts = [network(part.float() / 255).logits.argmax(1) for part in images.split(500)]
    return (torch.cat(parts) == labels).float().mean().item()


def read_all(gallery: Gallery, size: int, channels: int) -> tuple[Tensor, Tensor]:
    """Return the pictures (N, C, S, S) uint8 of a gallery and their labels (N,)."""
    if gallery.labels is None:
        raise SystemExit(f"{gallery.place} has no labels to learn.")
    numbers = range(len(gallery.pictures))
    squares = [read_square(gallery.pictures, n, size, channels) for n in numbers]
    images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()
    return images, torch.from_numpy(gallery.labels)


def main() -> None:
    """Train on the train part of idx files, count what is read right of the test part, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of idx files")
    parser.add_argument("--name", default="mnist")
    parser.add_argument("--out", type=Path, default=checkpoints_folder(), help="folder")
    parser.add_argument("--size", type=int, default=28, help="pixels, side of the squares")
    parser.add_argument("--channels", type=int, default=1, choices=(1, 3))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--description", default="", help="of the data, for the header")
    parser.add_argument("--licence", default="", help="of the data")
    options = parser.parse_args()
    torch.manual_seed(0)
    gallery = open_idx(find_idx(options.data) or options.data, options.data)
    images, labels = read_all(gallery, options.size, options.channels)
    facts = {"channels": options.channels, "size": options.size}
    arguments = {"classes": len(gallery.names), **facts}
    settings = NetworkSettings(kind="plain", arguments=arguments)
    network = build_network(CLASSIFIERS, settings)
    train(network, images, labels, options.epochs)
    held_out = read_all(open_held_out(options.data), options.size, options.channels)
    right = share_right(network.eval(), *held_out)
    steps = options.epochs * (len(images) // BATCH)
    header = Header(
        name=options.name,
        task="classify",
        network=settings,
        size=options.size,
        steps=steps,
        images=steps * BATCH,
        data=options.description,
        licence=options.licence,
        scores={"right": round(right, 4)},
        labels=gallery.names,
    )
    path = options.out / f"{options.name}{CLASSIFIER}"
    save_checkpoint(path, network, header)
    digest = hash_file(path)
    print(f"{right:.2%} of {len(held_out[0])} read right")
    print(f"| {path.name} | {path.stat().st_size / 1e6:.1f} MB | {digest} |")


if __name__ == "__main__":
    main()
