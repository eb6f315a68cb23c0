"""The same work on a Ray cluster, through Ray Data: one actor on each worker, holding the model.

An actor that dies is started again, and what it had in hand is done again: a result is whole or not
there, one that is there with the same bytes passes, and the report is written by the one process
that started the work.
"""

import json
import logging
import os
import socket
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from restore.errors import RestoreError
from restore.folders.report import Entry
from restore.folders.run import load_fixer
from restore.folders.tree import Plan
from restore.folders.worker import News, Worker, fix_jobs, make_worker

if TYPE_CHECKING:
    import numpy as np

MOST_PHOTOS = 16  # that an actor is handed at once, and that are done again when it dies


def check_ray() -> None:
    """Raise `RestoreError` where Ray is not installed."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # read when Ray starts
    try:
        import ray.data  # noqa: F401
    except ImportError:
        raise RestoreError('--ray needs Ray; pip install "restore-gan[ray]".') from None


def fix_on_ray(
    worker: Worker, plan: Plan, address: str, *, model: str, device: str, threads: int
) -> Generator[News, None, None]:
    """Fix the photos of a plan on the workers of a cluster, which see the same folders.

    Args:
        worker: tells of the photos that can't be fixed at all.
        plan: the photos.
        address: "host:port", or "auto" for the cluster that this machine belongs to.
        model: the checkpoint.
        device: that each actor uses; a worker with GPUs gives one to each, unless it is "cpu".
        threads: as in `fix_jobs`, in each actor.

    Yields:
        What is new in the order of the plan.

    Raises:
        RestoreError: the cluster is not there or can't do the work.
    """
    import ray.data
    import torch

    yield from worker.fail_all(plan.failures)
    if not plan.jobs:
        return
    was_there = ray.is_initialized()
    try:
        _knock(address)
        if not was_there:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        _be_quiet()
        actors, share = _pick_actors(ray.cluster_resources(), torch.get_num_threads(), device)
        count = len(plan.jobs)
        most = max(1, min(MOST_PHOTOS, count // (4 * actors)))
        # Not `ray.data.range`: its tasks would wait for a core, and the actors may hold them all.
        numbers = ray.data.from_items(list(range(count)), override_num_blocks=-(-count // most))
        rows = numbers.map_batches(
            Actor,
            fn_constructor_args=(
                plan,
                model,
                device,
                threads,
                torch.get_num_threads(),
                str(Path.cwd()),
            ),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(size=actors),
            **share,
        )
        for row in rows.iter_rows():
            item = json.loads(row["news"])
            yield item if isinstance(item, str) else Entry(**item)
    except (ray.exceptions.RayError, ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[-300:].rstrip(".")
        raise RestoreError(
            f"The Ray cluster '{address}' could not do the work ({reason}); look at it with "
            "`ray status`, and go on with --resume."
        ) from None
    finally:
        if not was_there:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raise an OSError where nobody answers, which Ray itself finds out after minutes."""
    host, colon, port = address.rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=10).close()


def _be_quiet() -> None:
    """Keep Ray Data from telling of its plans; results come in the order of the photos."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _pick_actors(
    resources: dict[str, float], threads: int, device: str
) -> tuple[int, dict[str, Any]]:
    """Return how many actors there are, and what each asks Ray for: a GPU, or some cores."""
    gpus = int(resources.get("GPU", 0))
    if gpus and not device.startswith("cpu"):
        return gpus, {"num_gpus": 1}
    nodes = max(1, sum(name.startswith("node:") and "__" not in name for name in resources))
    cores = resources.get("CPU", 1.0)
    share = max(1, min(threads, int(cores // nodes)))
    return max(1, int(cores // share)), {"num_cpus": share}


class Actor:
    """Fixes the photos whose numbers in the plan it is handed.

    Args:
        plan: of all photos.
        model: checkpoint.
        device: where it runs.
        threads: as in `fix_jobs`.
        cores: threads of PyTorch, as in the process that started the work: another count may give
            other bits.
        folder: the working folder of that process, which paths start from.
    """

    def __init__(
        self,
        plan: Plan,
        model: str,
        device: str,
        threads: int,
        cores: int,
        folder: str,
    ) -> None:
        import torch

        from restore.folders.crew import gather

        os.chdir(folder)
        torch.set_num_threads(cores)
        self.jobs, self.threads = plan.jobs, threads
        self.crew, fixer = gather(load_fixer(model, plan.tree.options, device))
        self.worker = make_worker(plan.tree, fixer, model)

    def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[str]]:
        """Fix the photos numbered in "item" and return what is new as JSON, in "news"."""
        jobs = [self.jobs[number] for number in batch["item"].tolist()]
        news = fix_jobs(self.worker, self.crew, jobs, self.threads, Event())
        return {
            "news": [json.dumps(n if isinstance(n, str) else asdict(n)) for n in news],
        }
