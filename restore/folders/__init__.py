"""Photo files in, mended files out: one after the other, or a whole folder of them.

Nothing is lost: every collision is found before the first photo is opened, and a photo that can't
be mended does not stop the ones after it.
"""

from restore.folders.folder import fix_folder
from restore.folders.options import FixOptions
from restore.folders.photo import Job, Opened, Record, fix_job, open_photo, write_result
from restore.folders.plan import check_mask, plan_jobs
from restore.folders.report import Entry
from restore.folders.run import fix_photos
from restore.folders.shard import Shard
from restore.folders.tree import Plan, Tree, plan_folder
from restore.folders.watch import LOOK_SECONDS

__all__ = [
    "LOOK_SECONDS",
    "Entry",
    "FixOptions",
    "Job",
    "Opened",
    "Plan",
    "Record",
    "Shard",
    "Tree",
    "check_mask",
    "fix_folder",
    "fix_job",
    "fix_photos",
    "open_photo",
    "plan_folder",
    "plan_jobs",
    "write_result",
]
