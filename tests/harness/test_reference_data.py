"""Loading data and images, and laying them out, on tiny files written in the data sets' own formats."""

import io
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
from PIL import Image

from reference import data_utils, image_utils, vis_utils

BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def write_cifar10(root, size):
    """Write six batches of random images as CIFAR-10 stores them; returns images (6, size, 3, 32, 32) and labels."""
    rng = np.random.RandomState(0)
    images = rng.randint(256, size=(6, size, 3, 32, 32)).astype(np.uint8)
    labels = rng.randint(10, size=(6, size))
    root.mkdir(parents=True, exist_ok=True)
    for name, X, y in zip(BATCHES, images, labels, strict=True):
        batch = {"batch_label": name, "labels": y.tolist(), "data": X.reshape(size, -1), "filenames": ["a.png"] * size}
        (root / name).write_bytes(pickle.dumps(batch, protocol=2))
    return images, labels


@pytest.fixture
def cifar10(tmp_path):
    root = tmp_path / "cifar-10-batches-py"
    return root, *write_cifar10(root, size=20)


def test_pickles_of_python_2_are_read_as_latin_1():
    assert data_utils.load_pickle(io.BytesIO(b"U\x03\xe9ab.")) == "\xe9ab"


def test_a_cifar_batch_has_its_channels_last(cifar10):
    root, images, labels = cifar10
    X, y = data_utils.load_CIFAR_batch(str(root / "data_batch_2"))
    assert (X.dtype, y.dtype) == (np.float64, np.int64)
    np.testing.assert_array_equal(X, images[1].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(y, labels[1])


def test_cifar10_joins_its_training_batches(cifar10):
    root, images, labels = cifar10
    Xtr, Ytr, Xte, Yte = data_utils.load_CIFAR10(root)
    np.testing.assert_array_equal(Xtr, np.concatenate(images[:5]).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(Ytr, labels[:5].ravel())
    np.testing.assert_array_equal(Xte, images[5].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(Yte, labels[5])


def test_get_cifar10_data_splits_and_subtracts_the_training_mean(cifar10):
    root, images, labels = cifar10
    data = data_utils.get_CIFAR10_data(90, 7, 5, root=root)
    train = np.concatenate(images[:5]).astype(np.float32)
    mean = train[:90].mean(axis=0, dtype=np.float64).astype(np.float32)
    assert all(data[f"X_{part}"].dtype == np.float32 for part in ("train", "val", "test"))
    np.testing.assert_array_equal(data["X_train"], train[:90] - mean)
    np.testing.assert_array_equal(data["X_val"], train[90:97] - mean)
    np.testing.assert_array_equal(data["X_test"], images[5, :5] - mean)
    np.testing.assert_array_equal(data["y_train"], labels[:5].ravel()[:90])
    np.testing.assert_array_equal(data["y_val"], labels[:5].ravel()[90:97])
    np.testing.assert_array_equal(data["y_test"], labels[5, :5])


def test_get_cifar10_data_can_keep_the_pixels_and_use_float64(cifar10):
    root, images, _ = cifar10
    data = data_utils.get_CIFAR10_data(90, 10, 5, subtract_mean=False, dtype=np.float64, root=root)
    assert data["X_train"].dtype == np.float64
    np.testing.assert_array_equal(data["X_train"], np.concatenate(images[:5])[:90])


def test_get_cifar10_data_holds_hardly_more_than_it_returns(tmp_path):
    write_cifar10(tmp_path, size=100)
    tracemalloc.start()
    try:
        data = data_utils.get_CIFAR10_data(490, 10, 10, root=tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    returned = sum(array.nbytes for array in data.values())
    assert peak < 1.3 * returned


@pytest.mark.parametrize("asked", [{"num_training": 95, "num_validation": 6}, {"num_training": 50, "num_test": 21}])
def test_asking_for_more_images_than_there_are_says_so(cifar10, asked):
    with pytest.raises(ValueError, match=r"(101|21) images asked for .*, but there are (100|20); ask for fewer\."):
        data_utils.get_CIFAR10_data(**{"num_validation": 10, "num_test": 5} | asked, root=cifar10[0])


def test_a_missing_data_set_says_what_where_and_how(tmp_path):
    root = tmp_path / "cifar-10-batches-py"
    with pytest.raises(FileNotFoundError) as raised:
        data_utils.get_CIFAR10_data(root=root)
    assert str(raised.value) == (
        f"The CIFAR-10 file data_batch_1 is missing: looked for {root}/data_batch_1; "
        f"download and unpack https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz into {tmp_path}."
    )


def test_a_missing_batch_is_named(cifar10):
    (cifar10[0] / "data_batch_4").unlink()
    with pytest.raises(FileNotFoundError, match="The CIFAR-10 file data_batch_4 is missing"):
        data_utils.load_CIFAR10(cifar10[0])


def test_a_damaged_batch_is_named(cifar10):
    file = cifar10[0] / "data_batch_4"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"data_batch_4 is damaged; delete it, then download and unpack http"):
        data_utils.get_CIFAR10_data(10, 10, 10, root=cifar10[0])


def test_classes_are_named_by_the_files_or_numbered(cifar10):
    root = cifar10[0]
    names = data_utils.get_CIFAR10_data(10, 10, 10, root=root)["class_names"]
    assert (names.shape, names[3]) == ((10,), "3")
    (root / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}, protocol=2))
    assert data_utils.get_CIFAR10_data(10, 10, 10, root=root)["class_names"][3] == "class 3"


def test_data_is_looked_up_beside_the_module():
    beside = Path(data_utils.__file__).resolve().parent / "datasets"
    assert beside / "cifar-10-batches-py" == data_utils.CIFAR10_DIR
    assert beside / "imagenet_val_25.npz" == data_utils.IMAGENET_VAL_FILE


@pytest.fixture
def imagenet_val(tmp_path):
    path = tmp_path / "imagenet_val_25.npz"
    X = np.random.RandomState(0).randint(256, size=(25, 8, 8, 3)).astype(np.uint8)
    np.savez(path, X=X, y=np.arange(25) * 3, label_map={0: "tench", 3: "shark"})
    return path, X


def test_imagenet_val_gives_images_labels_and_names(imagenet_val):
    path, images = imagenet_val
    X, y, class_names = data_utils.load_imagenet_val(num=5, path=path)
    np.testing.assert_array_equal(X, images[:5])
    assert X.dtype == np.uint8
    assert y.tolist() == [0, 3, 6, 9, 12]
    assert class_names[3] == "shark"
    assert len(data_utils.load_imagenet_val(path=path)[0]) == 25
    with pytest.raises(ValueError, match=r"26 images asked for, but .* holds 25"):
        data_utils.load_imagenet_val(num=26, path=path)


def test_imagenet_val_leaves_numpy_as_it_was(imagenet_val, tmp_path):
    before = np.load
    data_utils.load_imagenet_val(path=imagenet_val[0])
    with pytest.raises(FileNotFoundError) as raised:
        data_utils.load_imagenet_val(path=tmp_path / "none.npz")
    assert np.load is before
    assert str(raised.value) == (
        f"The ImageNet sample is missing: looked for {tmp_path}/none.npz; "
        f"download http://cs231n.stanford.edu/imagenet_val_25.npz into {tmp_path}."
    )
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(tmp_path / "objects.npy")


def write_tiny_imagenet(root):
    """Two classes of two training images, two validation images and one test image without a label."""
    root.mkdir()
    (root / "wnids.txt").write_text("n02\nn01\n")
    (root / "words.txt").write_text("n01\tcat, house cat\nn02\tdog\nn03\tnever used\n")
    folders = [root / "train/n01/images", root / "train/n02/images", root / "val/images", root / "test/images"]
    grey = 0
    for folder, count in zip(folders, (2, 2, 2, 1), strict=True):
        folder.mkdir(parents=True)
        for i in range(count):
            Image.new("L" if i else "RGB", (64, 64), grey if i else (grey,) * 3).save(folder / f"{i}.png")
            grey += 10
    (root / "val/val_annotations.txt").write_text("1.png\tn01\t0\t0\t9\t9\n0.png\tn02\t0\t0\t9\t9\n")


def test_tiny_imagenet_follows_its_lists(tmp_path):
    root = tmp_path / "tiny"
    write_tiny_imagenet(root)
    data = data_utils.load_tiny_imagenet(root, subtract_mean=False)
    assert data["class_names"] == [["dog"], ["cat", "house cat"]]
    assert data["X_train"].shape == (4, 3, 64, 64)
    assert data["X_train"].dtype == np.float32
    assert data["X_train"][:, 0, 0, 0].tolist() == [20, 30, 0, 10]
    assert data["y_train"].tolist() == [0, 0, 1, 1]
    assert data["X_val"][:, 2, 5, 5].tolist() == [50, 40]
    assert data["y_val"].tolist() == [1, 0]
    assert data["y_test"] is None
    assert (data["mean_image"] == 15).all()
    assert data_utils.load_tiny_imagenet(root)["X_test"][0, 0, 0, 0] == 60 - 15


def test_missing_tiny_imagenet_says_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"TinyImageNet is missing: looked for .*; download and unpack http"):
        data_utils.load_tiny_imagenet(tmp_path / "tiny")


def test_load_models_skips_what_does_not_unpickle(tmp_path):
    (tmp_path / "good.pkl").write_bytes(pickle.dumps({"model": [1, 2]}))
    (tmp_path / "text.txt").write_text("garbage")
    (tmp_path / "empty.pkl").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    assert data_utils.load_models(tmp_path) == {"good.pkl": [1, 2]}


def test_the_modules_import_without_anything_but_numpy():
    code = (
        "import sys, reference.vis_utils, reference.data_utils, reference.image_utils\n"
        "names = ('torch', 'torchvision', 'tqdm', 'scipy', 'PIL', 'matplotlib', 'urllib.request')\n"
        "print([m for m in names if m in sys.modules])"
    )
    root = Path(data_utils.__file__).resolve().parent.parent
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def picture(height=20, width=30):
    return np.random.RandomState(0).randint(256, size=(height, width, 3)).astype(np.uint8)


def test_load_image_keeps_pixels_and_resizes_the_shorter_side(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "wide.png")
    Image.fromarray(picture(40, 20)).save(tmp_path / "tall.png")
    np.testing.assert_array_equal(image_utils.load_image(tmp_path / "wide.png"), picture())
    assert image_utils.load_image(tmp_path / "wide.png", size=10).shape == (10, 15, 3)
    assert image_utils.load_image(tmp_path / "tall.png", size=10).shape == (20, 10, 3)


def test_resizing_averages_instead_of_picking_pixels(tmp_path):
    stripes = np.zeros((20, 20, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    inner = image_utils.load_image(tmp_path / "stripes.png", size=5)[:, 1:-1]
    assert abs(inner.astype(float) - 127.5).max() < 20


def test_deprocess_image_undoes_preprocess_image():
    x = image_utils.preprocess_image(picture())
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[3, 4], (picture()[3, 4] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], 1e-5)
    back = image_utils.deprocess_image(x)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, picture())


def test_deprocess_image_rescales_and_survives_constant_images():
    back = image_utils.deprocess_image(image_utils.preprocess_image(picture() // 4 + 50), rescale=True)
    assert (back.min(), back.max()) == (0, 255)
    flat = image_utils.preprocess_image(np.zeros((4, 4, 3)))
    assert not image_utils.deprocess_image(flat, rescale=True).any()


def test_blur_image_applies_the_kernel_to_each_channel():
    X = np.zeros((1, 3, 5, 5))
    X[0, 1, 2, 2] = 200
    blurred = image_utils.blur_image(X)
    np.testing.assert_allclose(blurred[0, 1, 1:4, 1:4], [[1, 2, 1], [2, 188, 2], [1, 2, 1]])
    assert not blurred[0, 0].any()
    assert X.sum() == 200


class Answer(io.BytesIO):
    """What urlopen returns: a file that is also a context manager."""


def test_image_from_url_reads_and_closes(monkeypatch):
    content = io.BytesIO()
    Image.fromarray(picture()).save(content, format="png")
    answer = Answer(content.getvalue())
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: answer)
    np.testing.assert_array_equal(image_utils.image_from_url("http://example.org/a.png"), picture())
    assert answer.closed


def raiser(error):
    def urlopen(url, timeout):
        raise error

    return urlopen


def test_image_from_url_tells_a_refusal_from_a_dead_line(monkeypatch):
    url = "http://example.org/a.png"
    refusal = HTTPError(url, 404, "Not Found", {}, io.BytesIO())
    monkeypatch.setattr("urllib.request.urlopen", raiser(refusal))
    with pytest.raises(OSError, match=r"a\.png: the server answered 404 \(Not Found\); check the address\."):
        image_utils.image_from_url(url)
    assert refusal.fp.closed
    monkeypatch.setattr("urllib.request.urlopen", raiser(URLError("no route")))
    with pytest.raises(OSError, match=r"a\.png can't be reached \(no route\)"):
        image_utils.image_from_url(url)


def test_visualize_grid_stretches_each_tile_for_itself():
    Xs = np.zeros((5, 2, 3, 1))
    Xs[:, 0, 0] = np.arange(5)[:, None] + 1
    grid = vis_utils.visualize_grid(Xs, ubound=10, padding=2)
    assert grid.shape == (3 * 2 + 2 * 2, 3 * 3 + 2 * 2, 1)
    expected = np.zeros_like(grid)
    for top, left in ((0, 0), (0, 5), (0, 10), (4, 0), (4, 5)):
        expected[top, left] = 10
    np.testing.assert_array_equal(grid, expected)


def test_visualize_grid_takes_bytes_and_constant_images():
    Xs = np.full((3, 4, 4, 3), 200, dtype=np.uint8)
    Xs[1, 0, 0] = 0
    grid = vis_utils.visualize_grid(Xs)
    assert grid.shape == (9, 9, 3)
    assert np.isfinite(grid).all()
    assert not grid[:4, :4].any()
    assert (grid[1:4, 5:9] == 255).all()


def test_vis_grid_stretches_all_together():
    Xs = np.stack([np.full((2, 2, 3), value) for value in (2.0, 4.0, 6.0)])
    grid = vis_utils.vis_grid(Xs)
    assert grid.shape == (5, 5, 3)
    assert grid[0, 0, 0] == 0
    assert grid[0, 3, 0] == 0.5
    assert grid[3, 0, 0] == 1
    assert not vis_utils.vis_grid(np.ones((4, 2, 2, 3))).any()


def test_vis_nn_puts_each_row_in_a_row():
    rows = [[np.full((2, 2, 1), 3 * i + j) for j in range(3)] for i in range(2)]
    grid = vis_utils.vis_nn(rows)
    assert grid.shape == (5, 8, 1)
    assert grid[0, 0, 0] == 0
    assert grid[3, 6, 0] == 1
    np.testing.assert_allclose(grid[0, 3, 0], 1 / 5)
