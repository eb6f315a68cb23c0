"""A page in the browser, served to this machine alone, on which holes are painted and filled."""

from restore.web.opening import open_page
from restore.web.retouching import Retouching
from restore.web.server import PaintServer

__all__ = ["PaintServer", "Retouching", "open_page"]
