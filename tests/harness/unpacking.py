"""Unpacks the autograder's zip as Gradescope does, with the modes it holds."""

import os
import zipfile
from pathlib import Path


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a zip with the modes it holds."""
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            os.chmod(opened.extract(info, folder), info.external_attr >> 16)
