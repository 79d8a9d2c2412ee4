# Generated from reference/image_sets.py by "python -m grader stubs" (unedited: 9e9e5a2a8dec)
"""CIFAR-10 and its stand-in Shapes-10 as data sets of torchvision, ready for its transforms and DataLoaders."""

from pathlib import Path

from . import cifar_files, shapes10
from .fetch import Unavailable, fetch
from .vision import torchvision


class CIFAR10(torchvision.datasets.CIFAR10):
    """torchvision's CIFAR-10, whose download goes on where it broke off.

    Raises Unavailable where it isn't there, or is damaged, and can't be fetched.
    """

    def download(self) -> None:
        if self._check_integrity():
            return
        archive = Path(self.root) / self.filename
        if cifar_files.md5(archive) != self.tgz_md5:
            fetch(self.url, archive)
            if cifar_files.md5(archive) != self.tgz_md5:
                archive.unlink()
                raise Unavailable(f"what {self.url} sent has the wrong checksum")
        # Finds the archive, so it only checks and unpacks it.
        super().download()


class Shapes10(torchvision.datasets.CIFAR10):
    """Shapes-10 from files like CIFAR-10's, drawn first where they are missing or damaged."""

    base_folder = shapes10.FOLDER
    train_list = [[name, shapes10.MD5[name]] for name in cifar_files.TRAIN_BATCHES]
    test_list = [[name, shapes10.MD5[name]] for name in cifar_files.TEST_BATCHES]
    meta = {"filename": cifar_files.META, "key": "label_names", "md5": shapes10.MD5[cifar_files.META]}

    def download(self) -> None:
        shapes10.write_batches(Path(self.root) / self.base_folder)
