# Generated from reference/data_utils.py by "python -m grader stubs" (unedited: 3a404661595c)
"""Loading the data sets, from the folder `datasets` beside this module unless told otherwise.

CIFAR-10 is fetched on first use; where it can't be had, Shapes-10 (shapes10.py) stands in for it, and a notice says so.
Two environment variables have a say: CHAINRULE_DATA names another folder for the data sets, say one that many share;
CHAINRULE_OFFLINE, set to anything, forbids fetching.

CIFAR-10 and the labels of the ImageNet sample are pickles. Unpickling a file can run any code its author wrote, so
point these functions only at files you got from the data sets' own sites.
"""

import functools
import os
import pickle
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path

import numpy as np

from . import shapes10
from .cifar_files import META, TEST_BATCHES, TRAIN_BATCHES, load_pickle, read_batch
from .fetch import Unavailable

DATASETS = Path(os.environ.get("CHAINRULE_DATA") or Path(__file__).resolve().parent / "datasets")
CIFAR10_DIR = DATASETS / "cifar-10-batches-py"
IMAGENET_VAL_FILE = DATASETS / "imagenet_val_25.npz"

GET_CIFAR10 = "download and unpack https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
GET_IMAGENET_VAL = "download http://cs231n.stanford.edu/imagenet_val_25.npz"
GET_TINY_IMAGENET = "download and unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip"

# What unpickling raises on other bytes, or on objects whose class can't be imported here.
NOT_A_PICKLE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)


def _require(path: Path, what: str, how_to_get: str, into: Path) -> None:
    """Raise FileNotFoundError with what is missing, where it was looked for and the remedy, unless path exists."""
    if not path.exists():
        raise FileNotFoundError(f"{what} is missing: looked for {path}; {how_to_get} into {into}.")


def _read_cifar_batch(filename: str | PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Read one CIFAR-10 batch as stored: images (N, 3, 32, 32) uint8 and labels (N,) int64."""
    path = Path(filename)
    # The archive holds the folder of the batches, so it is unpacked one level up.
    _require(path, f"The CIFAR-10 file {path.name}", GET_CIFAR10, into=path.parent.parent)
    try:
        return read_batch(path)
    except NOT_A_PICKLE as error:
        raise ValueError(f"{path} is damaged; delete it, then {GET_CIFAR10} into {path.parent.parent}.") from error


def _read_cifar_batches(root: str | PathLike, names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read several CIFAR-10 batches from the folder root and join them, still as bytes."""
    images, labels = zip(*(_read_cifar_batch(Path(root) / name) for name in names), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _channels_last(images: np.ndarray) -> np.ndarray:
    """Turn bytes (N, 3, 32, 32) into float64 (N, 32, 32, 3)."""
    return images.transpose(0, 2, 3, 1).astype(np.float64, order="C")


def load_CIFAR_batch(filename: str | PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Read one batch file of CIFAR-10.

    Returns X (10000, 32, 32, 3) float64 with values 0..255 and Y (10000,) int64 labels 0..9.
    Raises FileNotFoundError or, for a damaged file, ValueError, with where to get it. Source: Krizhevsky 2009,
    "Learning Multiple Layers of Features from Tiny Images", section 3.
    """
    images, labels = _read_cifar_batch(filename)
    return _channels_last(images), labels


def load_CIFAR10(ROOT: str | PathLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read all of CIFAR-10 from the unpacked folder ROOT.

    Returns Xtr (50000, 32, 32, 3), Ytr (50000,), Xte (10000, 32, 32, 3), Yte (10000,); types and errors as
    `load_CIFAR_batch`.
    """
    train, Ytr = _read_cifar_batches(ROOT, TRAIN_BATCHES)
    test, Yte = _read_cifar_batches(ROOT, TEST_BATCHES)
    return _channels_last(train), Ytr, _channels_last(test), Yte


@functools.cache
def _cifar10_can_be_had() -> bool:
    """Fetch CIFAR-10 if it isn't there; tried once a process, and a failure is told once."""
    from .image_sets import CIFAR10

    try:
        CIFAR10(DATASETS, train=False, download=True)
    except Unavailable as reason:
        _notice_shapes10(str(reason))
        return False
    return True


def _notice_shapes10(reason: str) -> None:
    print(
        f"CIFAR-10 isn't complete in {CIFAR10_DIR} and can't be fetched ({reason}). Shapes-10 stands in for it: 60,000 "
        f"drawn images of ten shapes, in the same format. For CIFAR-10, {GET_CIFAR10} into {DATASETS}."
    )


def image_dataset(train: bool, transform: Callable | None = None):
    """CIFAR-10 as a data set of torchvision or, where it isn't there and can't be fetched, Shapes-10, with a notice.

    train: the 50,000 training images, else the 10,000 test images. transform: applied to each image, a PIL image.
    Either is made on first use, in the folder of the data sets: CIFAR-10 is fetched, with a progress bar, and its
    checksums are verified; Shapes-10 is drawn.
    Returns a `torchvision.datasets.CIFAR10`: pairs of image and label, attributes data (N, 32, 32, 3) uint8, targets
    and classes. Raises ImportError, in one sentence, where torchvision can't be imported.
    """
    from .image_sets import CIFAR10, Shapes10

    data_set = CIFAR10 if _cifar10_can_be_had() else Shapes10
    return data_set(DATASETS, train, transform, download=True)


def _load_part(train: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """One part of `image_dataset` as images (N, 3, 32, 32) uint8, labels (N,) int64 and the classes' names."""
    try:
        part = image_dataset(train)
    except ImportError as error:
        return _read_part(_folder_without_torchvision(str(error)), train)
    # The data set keeps the bytes as they are stored, channels first, and shows them turned.
    return part.data.transpose(0, 3, 1, 2), np.array(part.targets, dtype=np.int64), part.classes


@functools.cache
def _folder_without_torchvision(reason: str) -> Path:
    """CIFAR-10's folder or, where a file lacks, Shapes-10's, drawn first where it isn't there."""
    if all((CIFAR10_DIR / name).is_file() for name in (*TRAIN_BATCHES, *TEST_BATCHES)):
        return CIFAR10_DIR
    _notice_shapes10(reason)
    shapes10.write_batches(DATASETS / shapes10.FOLDER)
    return DATASETS / shapes10.FOLDER


def _read_part(root: Path, train: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What `_load_part` returns, from the files in the folder root; without batches.meta the names are numbers."""
    images, labels = _read_cifar_batches(root, TRAIN_BATCHES if train else TEST_BATCHES)
    classes = [str(label) for label in range(10)]
    if (root / META).exists():
        with (root / META).open("rb") as f:
            classes = load_pickle(f)["label_names"]
    return images, labels, classes


def get_CIFAR10_data(
    num_training: int = 49000,
    num_validation: int = 1000,
    num_test: int = 1000,
    subtract_mean: bool = True,
    dtype: np.dtype | type = np.float32,
    root: str | PathLike | None = None,
) -> dict[str, np.ndarray]:
    """Load CIFAR-10 split into training, validation and test parts, ready for a network.

    Training takes the first num_training images of the training set, validation the num_validation after them, test
    the first num_test images of the test set. With subtract_mean the mean image of the training part is subtracted
    from all three; values are not scaled otherwise.
    dtype: type of the images; float64 needs twice the memory. root: the unpacked folder to read, as it is; without it
    the data come from `image_dataset`: CIFAR-10 is fetched where it isn't there, and Shapes-10 stands in for it, with a
    notice, where it can't be.
    Returns a dict of X_train (num_training, 3, 32, 32), y_train (num_training,), X_val, y_val, X_test, y_test and
    class_names (10,). Beside these arrays memory holds no more than the training set as bytes.
    Raises ValueError if more images are asked for than there are; with root FileNotFoundError or, for a damaged file,
    ValueError, with where to get the data.
    """
    load = _load_part if root is None else functools.partial(_read_part, Path(root))
    data = {}
    images, y, classes = load(train=True)
    end = num_training + num_validation
    _require_enough(end, images, "training and validation")
    data["X_train"], data["y_train"] = images[:num_training].astype(dtype), y[:num_training]
    data["X_val"], data["y_val"] = images[num_training:end].astype(dtype), y[num_training:end]
    if subtract_mean:
        mean_image = images[:num_training].mean(axis=0, dtype=np.float64).astype(dtype)
    # The training bytes go before the test bytes come.
    del images
    images, y, _ = load(train=False)
    _require_enough(num_test, images, "test")
    data["X_test"], data["y_test"] = images[:num_test].astype(dtype), y[:num_test]
    if subtract_mean:
        for part in ("train", "val", "test"):
            data[f"X_{part}"] -= mean_image
    names = [f"{kind}_{part}" for part in ("train", "val", "test") for kind in ("X", "y")]
    return {name: data[name] for name in names} | {"class_names": np.array(classes)}


def _require_enough(asked: int, images: np.ndarray, what: str) -> None:
    if asked > len(images):
        raise ValueError(f"{asked} images asked for {what}, but there are {len(images)}; ask for fewer.")


def _read_images(paths: list[Path], dtype: np.dtype | type) -> np.ndarray:
    """Read image files of one size as an array (N, 3, H, W); grayscale images get three equal channels."""
    from .image_utils import load_image

    images = np.stack([load_image(path) for path in paths])
    return images.transpose(0, 3, 1, 2).astype(dtype, order="C")


def _read_columns(path: Path) -> list[list[str]]:
    """Read a file of tab-separated columns as a list of rows."""
    return [line.split("\t") for line in path.read_text().splitlines() if line]


def _tiny_imagenet_files(root: Path, wnids: list[str]) -> dict[str, tuple[list[Path], list[str] | None]]:
    """Find the image files of the parts train, val and test, each with the files' classes (None if withheld)."""
    files = [(wnid, file) for wnid in wnids for file in sorted((root / "train" / wnid / "images").iterdir())]
    parts = {"train": ([file for _, file in files], [wnid for wnid, _ in files])}
    for part in ("val", "test"):
        images, annotations = root / part / "images", root / part / f"{part}_annotations.txt"
        if annotations.exists():
            rows = _read_columns(annotations)
            parts[part] = ([images / row[0] for row in rows], [row[1] for row in rows])
        else:
            parts[part] = (sorted(images.iterdir()), None)
    return parts


def load_tiny_imagenet(
    path: str | PathLike, dtype: np.dtype | type = np.float32, subtract_mean: bool = True
) -> dict[str, object]:
    """Load TinyImageNet, or a data set laid out like it, from the unpacked folder path.

    With subtract_mean the mean training image is subtracted from all images.
    Returns a dict of class_names (one list of words per class), X_train (N, 3, 64, 64), y_train (N,), X_val, y_val,
    X_test, y_test (None where the test labels are withheld) and mean_image (3, 64, 64).
    Raises FileNotFoundError with where to get the data.
    """
    root = Path(path)
    _require(root, "TinyImageNet", GET_TINY_IMAGENET, into=root.parent)
    wnids = (root / "wnids.txt").read_text().split()
    label = {wnid: i for i, wnid in enumerate(wnids)}
    words = dict(_read_columns(root / "words.txt"))
    data = {"class_names": [[word.strip() for word in words[wnid].split(",")] for wnid in wnids]}
    for part, (files, classes) in _tiny_imagenet_files(root, wnids).items():
        X = _read_images(files, dtype)
        if part == "train":
            data["mean_image"] = X.mean(axis=0, dtype=np.float64).astype(dtype)
        if subtract_mean:
            X -= data["mean_image"]
        data[f"X_{part}"] = X
        data[f"y_{part}"] = None if classes is None else np.array([label[wnid] for wnid in classes])
    return data


def load_models(models_dir: str | PathLike) -> dict[str, object]:
    """Load the entry 'model' of each pickled file in a folder; only for files you trust.

    Returns a dict from file name to model; files that do not unpickle are skipped.
    """
    models = {}
    for path in sorted(filter(Path.is_file, Path(models_dir).iterdir())):
        try:
            with path.open("rb") as f:
                content = load_pickle(f)
        except NOT_A_PICKLE:
            continue
        models[path.name] = content["model"]
    return models


def load_imagenet_val(
    num: int | None = None, path: str | PathLike = IMAGENET_VAL_FILE
) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Load a handful of ImageNet validation images.

    num: how many, at most 25; None for all. path: the npz file with X, y and label_map.
    Returns X (num, 224, 224, 3) uint8, y (num,) integer labels and class_names, a dict from label to name.
    Raises FileNotFoundError with where to get it, ValueError if num is more than the file holds.
    """
    path = Path(path)
    _require(path, "The ImageNet sample", GET_IMAGENET_VAL, into=path.parent)
    with np.load(path, allow_pickle=True) as f:
        X, y, class_names = f["X"], f["y"], f["label_map"].item()
    if num is not None and num > len(X):
        raise ValueError(f"{num} images asked for, but {path} holds {len(X)}; ask for fewer.")
    return X[:num], y[:num], class_names
