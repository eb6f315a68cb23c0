"""A folder of photos: which files are photos, which mask belongs to which, where results go."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from restore.errors import UsageError
from restore.folders.options import FixOptions
from restore.folders.patterns import STEM, guess_pattern, read_pattern
from restore.folders.photo import Job
from restore.folders.plan import (
    check_mask,
    claim_results,
    identity_of,
    number_results,
    refuse_losses,
    refuse_unwritable,
)
from restore.folders.report import find_reports, read_reports
from restore.folders.shard import WHOLE, Shard
from restore.image import PICTURES, drop_extension, real_path, stem_of, with_extension
from restore.listing import ALL, Choice, PassedOver, is_photo, list_files, tell_none
from restore.outputs import first_made, key_of


@dataclass(frozen=True)
class Tree:
    """A folder of photos to fix.

    Attributes:
        folder: is searched with all folders in it; links to folders are not followed.
        out: where results go, under the photos' relative paths and names.
        options: how to fix; `options.mask` is one mask for all, or a folder of masks, or None.
        resume: whether results of an earlier run are kept, and only the others made.
        shard: the part of the photos that is fixed here.
        choice: which photos are taken.
    """

    folder: Path
    out: Path
    options: FixOptions
    resume: bool = False
    shard: Shard = WHOLE
    choice: Choice = ALL

    @property
    def report(self) -> Path:
        """Where it is written down what became of each photo."""
        return self.out / self.shard.report

    def name_of(self, photo: Path) -> str:
        """Return a photo's path in the folder, with "/", as plans and reports name it."""
        return photo.relative_to(self.folder).as_posix()


@dataclass(frozen=True)
class Plan:
    """What is to be done for a tree.

    Attributes:
        tree: what was asked for.
        jobs: a photo, its mask and results each, by relative path.
        failures: what can't be done as a path in the folder and a sentence: photos without a mask
            or with the result of another one, folders that can't be read.
        idle_masks: masks without a photo.
        skipped: a count of the files that are no photos.
        passed_over: what is not looked into.
    """

    tree: Tree
    jobs: tuple[Job, ...]
    failures: tuple[tuple[str, str], ...]
    idle_masks: tuple[Path, ...]
    skipped: int
    passed_over: PassedOver

    def notes(self) -> Iterator[str]:
        """Yield sentences for the user on what is odd about the plan."""
        for problems, what in (
            ([name for name, _ in self.failures], "Can't be fixed, see the report"),
            (self.idle_masks, "Masks without a photo"),
            (self._shared_masks(), "Masks that serve two photos of one name"),
        ):
            if problems:
                yield f"{what}: {len(problems)}; the first is {problems[0]}."
        if pattern := self._guess_pattern():
            yield f"Some look like masks of others; fill those with --mask-pattern '{pattern}'."
        yield from self.passed_over.notes()

    def _guess_pattern(self) -> str | None:
        """Return the pattern of what seem to be masks that nobody has told of."""
        if not self.tree.options.is_whole or self.tree.options.find:
            return None
        return _guess_masks(self.tree.name_of(job.photo) for job in self.jobs)

    def _shared_masks(self) -> list[Path]:
        uses = Counter(job.mask for job in self.jobs if job.mask is not None)
        return [mask for mask, count in uses.items() if count > 1]


def plan_folder(tree: Tree, *, may_be_empty: bool = False) -> Plan:
    """Pair photos and masks, decide where results go, and refuse what would lose a file.

    No photo is opened; of files without a picture's extension the first bytes are read.

    Raises:
        RestoreError: the mask doesn't exist.
        UsageError: folders that don't go together, no photo with a mask, results that would replace
            an input or that exist, a place that can't be written to or leads out of `tree.out`.
    """
    _check_tree(tree)
    plan = part_like_names(pair_folder(tree), find_owners(tree))
    if not plan.jobs and not may_be_empty:
        raise UsageError(f"{_tell_nothing(plan)}{_suggest_pattern(plan)}")
    refuse_losses(plan.jobs, _masks_of(plan))
    plan = part_of(plan)
    _refuse_existing(plan)
    for job in plan.jobs:
        for result in job.results:
            refuse_leaving(result, tree.out)
    return plan


def _tell_nothing(plan: Plan) -> str:
    """Return a sentence on a plan without a photo that can be fixed."""
    if not plan.failures:
        return tell_none(plan.tree.folder, plan.tree.choice)
    count, first = len(plan.failures), plan.failures[0][1]
    return first if count == 1 else f"None of {count} photos can be fixed; of the first: {first}"


def part_of(plan: Plan) -> Plan:
    """Return what of the plan is in the tree's shard."""
    shard = plan.tree.shard
    jobs = (job for job in plan.jobs if shard.holds(plan.tree.name_of(job.photo)))
    failures = (failure for failure in plan.failures if shard.holds(failure[0]))
    return replace(plan, jobs=tuple(jobs), failures=tuple(failures))


def pair_folder(tree: Tree) -> Plan:
    """Find photos and their masks, and name the results; nothing is refused."""
    listing = list_files(tree.folder, _left_out(tree))
    masks = _find_masks(tree, listing.files)
    files = _without_masks(tree, listing.files, masks)
    found = listing.choose(tree.folder, tree.choice, files)
    jobs, failures = [], list(found.failures)
    alike: dict[str, Path] = {}  # a mask by what its photo is called but for upper and lower case
    for owner, paths in masks.items():
        alike.setdefault(owner.lower(), paths[0])
    for name in found.photos:
        try:
            mask = _choose_mask(tree, name, masks, alike)
        except UsageError as error:
            failures.append((name, str(error)))
        else:
            out = with_extension(tree.out / name, tree.options.extension)
            results = number_results(out, tree.options.count)
            jobs.append(Job(tree.folder / name, results, mask))
    owners = {stem_of(name) for name in found.pictures}
    idle = sorted(path for owner, paths in masks.items() if owner not in owners for path in paths)
    skipped = len(files) - len(found.pictures)
    return Plan(tree, tuple(jobs), tuple(failures), tuple(idle), skipped, found.passed_over)


# Masks -------------------------------------------------------------------------------------------


def _masks_place(tree: Tree) -> tuple[Path | None, str]:
    """Return the folder that photos find their masks in, None where they don't, and the pattern."""
    mask, pattern = tree.options.mask, tree.options.mask_pattern
    if mask is not None and mask.is_dir():
        same = real_path(mask) == real_path(tree.folder)
        return (tree.folder if same else mask), pattern or STEM
    return (None, STEM) if pattern is None else (tree.folder, pattern)


def _find_masks(tree: Tree, names: Sequence[str]) -> dict[str, list[Path]]:
    """Return the masks by the path, without extension, of the photo that they belong to."""
    folder, pattern = _masks_place(tree)
    if folder is None:
        return {}
    if folder != tree.folder:
        names = list_files(folder, [tree.out, tree.folder]).files  # which it may hold
    owner_of = read_pattern(pattern)
    masks: dict[str, list[Path]] = {}
    for name in names:
        if PurePosixPath(name).suffix.lower() in PICTURES and (owner := owner_of(name)):
            masks.setdefault(owner, []).append(folder / name)
    return masks


def _without_masks(tree: Tree, names: Sequence[str], masks: dict[str, list[Path]]) -> list[str]:
    """Return the files that aren't masks, under whatever path these were named."""
    paths = [path for found in masks.values() for path in found]
    if tree.options.mask is not None:
        paths.append(tree.options.mask)
    if not paths:  # then no file has to be looked at
        return list(names)
    inputs = {identity_of(path) for path in paths}
    return [name for name in names if identity_of(tree.folder / name) not in inputs]


def _guess_masks(files: Iterable[str]) -> str | None:
    """Return the pattern of the pictures among files that are called masks of others."""
    pictures = (name for name in files if PurePosixPath(name).suffix.lower() in PICTURES)
    names = [drop_extension(name) for name in pictures]
    return guess_pattern(names, (name for name in names if "mask" in name.lower()))


def _suggest_pattern(plan: Plan) -> str:
    """Return a sentence that tells what files seem to be called that are masks; "" if nothing."""
    folder = _masks_place(plan.tree)[0]
    if folder is None:
        return ""
    photos = {drop_extension(name) for name, _ in plan.failures}
    names = {drop_extension(path.relative_to(folder).as_posix()) for path in plan.idle_masks}
    pattern = guess_pattern(photos, names | photos if folder == plan.tree.folder else names)
    return f" Masks seem to go by --mask-pattern '{pattern}'." if pattern else ""


def _choose_mask(
    tree: Tree, name: str, masks: dict[str, list[Path]], alike: dict[str, Path]
) -> Path | None:
    """Return a photo's mask, None where it has none of its own; one of exactly its name goes first.

    Raises:
        UsageError: it has none, or several.
    """
    folder, photo = _masks_place(tree)[0], tree.folder / name
    if folder is None:
        return None
    key = stem_of(name)
    found = masks.get(key, [])
    chosen = [path for path in found if path.name == photo.name] or found
    if not chosen:
        near = alike.get(key.lower())
        hint = f"; {near} differs in upper and lower case" if near else ""
        raise UsageError(f"{photo} has no mask in {folder}{hint}.")
    if len(chosen) > 1:
        names = " and ".join(str(path) for path in chosen)
        raise UsageError(f"{photo} has several masks, {names}; leave one.")
    return chosen[0]


def _left_out(tree: Tree) -> list[Path]:
    mask = tree.options.mask
    masks = [mask] if mask is not None and mask.is_dir() else []
    return [tree.out, *(path for path in masks if real_path(path) != real_path(tree.folder))]


def _masks_of(plan: Plan) -> list[Path]:
    one = plan.tree.options.mask
    return [job.mask for job in plan.jobs if job.mask] + ([one] if one else [])


# What is refused ---------------------------------------------------------------------------------


def _check_tree(tree: Tree) -> None:
    check_mask(tree.options)
    if tree.options.adapt:
        raise UsageError(
            f"{tree.folder} is a folder, and --adapt takes photos; name them, as in "
            f"{tree.folder}/*.jpg, with --out FOLDER/."
        )
    folder, out = real_path(tree.folder), real_path(tree.out)
    mask, pattern = tree.options.mask, tree.options.mask_pattern
    if folder == out:
        raise UsageError(f"Photos are not written over; name another --out than {tree.folder}.")
    if mask is not None and mask.is_dir() and real_path(mask) == out:
        raise UsageError(f"--out {tree.out} is the folder of the masks; name another one.")
    if out.is_relative_to(folder) and _holds_pictures_of_others(tree.out):
        raise UsageError(
            f"--out {tree.out} lies among the photos and holds pictures that no report there tells "
            "of; name another one."
        )
    if folder.is_relative_to(out):
        raise UsageError(f"The photos lie inside --out {tree.out}; name a folder of its own.")
    if tree.out.exists() and not tree.out.is_dir():
        raise UsageError(f"--out {tree.out} is a file; for a folder of photos name a folder.")
    if pattern is not None and (
        pattern.count(STEM) != 1 or pattern.startswith("/") or ".." in pattern.split("/")
    ):
        raise UsageError(
            f"--mask-pattern is a name with {STEM} once, as '{STEM}-mask', not '{pattern}'."
        )
    if pattern is not None and mask is not None and not mask.is_dir():
        raise UsageError(f"--mask-pattern finds masks in a folder, and --mask {mask} is a file.")
    place, name = _masks_place(tree)
    if place == tree.folder and name == STEM:
        pattern = _guess_masks(list_files(tree.folder, [tree.out]).files) or f"{STEM}-mask"
        raise UsageError(
            f"Photos and masks lie in one folder, {tree.folder}; tell them apart with "
            f"--mask-pattern '{pattern}'."
        )


def part_like_names(plan: Plan, owners: dict[str, Path]) -> Plan:
    """Make a failure of each photo whose result would be that of another one.

    Args:
        plan: the jobs.
        owners: of results so far, by `key_of` them, where upper and lower case are the same, as
            they are on many disks; those of the plan are added.
    """
    jobs, failures = [], list(plan.failures)
    for job in plan.jobs:
        try:
            claim_results(job, owners)
        except UsageError as error:
            failures.append((plan.tree.name_of(job.photo), str(error)))
        else:
            jobs.append(job)
    return replace(plan, jobs=tuple(jobs), failures=tuple(failures))


def find_owners(tree: Tree) -> dict[str, Path]:
    """Return which photos have results of an earlier run that stay, by `key_of` the result."""
    if not tree.resume and tree.choice == ALL:
        return {}  # then there are none, or all are made again
    done = {
        tree.out / out: tree.folder / entries[-1].photo
        for out, entries in read_reports(tree.out).items()
    }
    return {key_of(r): photo for r, photo in done.items() if r.exists() and photo.exists()}


def _refuse_existing(plan: Plan) -> None:
    """Refuse results and a report that are there, unless they may be replaced or gone on with."""
    tree, report = plan.tree, plan.tree.report
    there = [path for job in plan.jobs for path in job.results if os.path.lexists(path)]
    if tree.resume and not tree.options.overwrite and there and not find_reports(tree.out):
        raise UsageError(
            f"{there[0]} exists, and there is no {report} to go on from; name another --out, or "
            "add --overwrite."
        )
    if report.exists():
        there.append(report)
    if there and not (tree.resume or tree.options.overwrite):
        raise UsageError(
            f"{there[0]} exists (files that do, with the report: {len(there)}); go on with "
            "--resume, replace with --overwrite, or name another --out."
        )


def refuse_leaving(result: Path, out: Path) -> None:
    """Refuse a result that can't be written, or that links would lead out of `out`.

    Raises:
        UsageError: naming the place.
    """
    place = first_made(result).parent
    if place.is_relative_to(out) and not real_path(place).is_relative_to(real_path(out)):
        raise UsageError(f"{place} is a link that leads out of {out}; remove it.")
    refuse_unwritable(result)


def _holds_pictures_of_others(out: Path) -> bool:
    """Tell whether a folder holds pictures, but no report of a run that wrote them."""
    if not out.is_dir() or find_reports(out):
        return False
    return any(is_photo(out / name) for name in list_files(out, []).files)
