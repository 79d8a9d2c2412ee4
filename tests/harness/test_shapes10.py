"""Shapes-10: the images are what their seed says, everywhere, and their files are CIFAR-10's."""

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference import cifar_files, shapes10
from reference.outlines import SHAPES

ROOT = Path(shapes10.__file__).resolve().parent.parent
EACH = np.arange(10)


def digest(images):
    return hashlib.md5(images.tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("labels", "seed", "size", "expected"),
    [
        (np.arange(300) % 10, 1, 32, "41b9f7ebb99a4ace65145aea055f93b5"),
        (EACH, 2**32 - 1, 32, "d00a940cf35a39862f39de94537ad53d"),
        (EACH, 5, 128, "86ab2cb4f1b683ca6e8920ae218e6031"),
    ],
)
def test_the_pixels_are_those_of_every_machine(labels, seed, size, expected):
    assert digest(shapes10.render(labels, seed, size)) == expected


def test_images_are_bytes_with_channels_first():
    images = shapes10.render([0, 9, 4], seed=3, size=48)
    assert (images.dtype, images.shape) == (np.uint8, (3, 3, 48, 48))
    assert shapes10.render([], seed=3).shape == (0, 3, 32, 32)


def test_an_image_depends_on_nothing_but_its_label_its_place_and_the_seed(monkeypatch):
    labels = np.arange(150) % 10
    images = shapes10.render(labels, seed=4)
    np.testing.assert_array_equal(shapes10.render(labels[:70], seed=4), images[:70])
    relabelled = shapes10.render(np.where(np.arange(150) == 3, 0, labels), seed=4)
    assert [int(i) for i in np.flatnonzero((relabelled != images).any(axis=(1, 2, 3)))] == [3]
    assert (shapes10.render(labels, seed=5) != images).any(axis=(1, 2, 3)).all()
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    shapes10.render(labels[:5], seed=4)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_size_of_the_chunks_changes_nothing(monkeypatch):
    labels = np.arange(150) % 10
    images = shapes10.render(labels, seed=4)
    monkeypatch.setattr(shapes10, "CHUNK", 32)
    np.testing.assert_array_equal(shapes10.render(labels, seed=4), images)


def test_a_scene_is_the_same_at_every_size():
    small, large = shapes10.render(EACH, seed=8, size=32), shapes10.render(EACH, seed=8, size=128)
    averaged = large.reshape(10, 3, 32, 4, 32, 4).mean(axis=(3, 5))
    other = shapes10.render(EACH, seed=9, size=32)
    assert abs(averaged - small).mean() < 20 < 30 < abs(averaged - other).mean()


def test_a_label_out_of_range_says_so():
    with pytest.raises(ValueError, match=r"labels go from -1 to 3; they must be from 0 to 9"):
        shapes10.render([3, -1], seed=0)


def test_outlines_differ_in_shape_more_than_in_area():
    centres = (np.arange(400, dtype=np.float32) + 0.5) / 200 - 1
    x, y = np.meshgrid(centres * 1.5, centres * 1.5)
    inside = np.array([shape(x, y) < 0 for shape in SHAPES.values()])
    areas = inside.mean(axis=(1, 2)) * 9
    assert areas.max() < 3 * areas.min()
    for one in range(10):
        for other in range(one):
            both, either = (inside[one] & inside[other]).sum(), (inside[one] | inside[other]).sum()
            assert both < 0.85 * either, (shapes10.CLASSES[one], shapes10.CLASSES[other])
    assert not inside[:, [0, -1]].any() and not inside[:, :, [0, -1]].any(), "an outline is larger than thought"


def test_colour_does_not_tell_the_class():
    images = shapes10.render(np.arange(4000) % 10, seed=11).astype(float)
    means = images.mean(axis=(2, 3)).reshape(400, 10, 3)
    spread = means.std(axis=0).mean()
    assert means.mean(axis=0).std(axis=0).max() < 4 * spread / np.sqrt(400)


@pytest.mark.parametrize("number", range(1, 7))
def test_a_batch_has_as_many_of_each_class_in_any_order(number):
    labels = shapes10.batch_labels(number)
    assert np.bincount(labels).tolist() == [1000] * 10
    assert (np.diff(labels) == 1).mean() < 0.2
    assert (labels != shapes10.batch_labels(number % 6 + 1)).mean() > 0.8


def test_a_batch_reads_like_one_of_python_2(tmp_path):
    images, labels = shapes10.render(EACH, seed=0), EACH[::-1]
    file = tmp_path / "data_batch_1"
    cifar_files.write_batch(file, "training batch 1 of 5", images, labels, [f"{i}.png" for i in EACH])
    batch = pickle.loads(file.read_bytes(), encoding="bytes")
    assert set(batch) == {b"batch_label", b"labels", b"data", b"filenames"}
    assert batch[b"batch_label"] == b"training batch 1 of 5"
    assert batch[b"labels"] == labels.tolist()
    assert batch[b"filenames"][3] == b"3.png"
    data = batch[b"data"]
    assert (data.dtype, data.shape, data.flags.c_contiguous) == (np.uint8, (10, 3072), True)
    np.testing.assert_array_equal(data[2, 1024:2048], images[2, 1].ravel())
    X, y = cifar_files.read_batch(file)
    np.testing.assert_array_equal(X, images)
    np.testing.assert_array_equal(y, labels)
    assert [path.name for path in tmp_path.iterdir()] == ["data_batch_1"]


def test_the_file_of_names_is_as_pinned(tmp_path):
    cifar_files.write_meta(tmp_path / "meta", shapes10.CLASSES, shapes10.BATCH_SIZE)
    assert cifar_files.md5(tmp_path / "meta") == shapes10.MD5["batches.meta"]
    meta = pickle.loads((tmp_path / "meta").read_bytes(), encoding="latin1")
    assert meta == {"num_cases_per_batch": 10000, "label_names": list(shapes10.CLASSES), "num_vis": 3072}


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "test_batch").write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        cifar_files.write_batch(tmp_path / "test_batch", "t", shapes10.render([1], 0), [1], ["a"])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Shapes-10 with 40 images a batch, its digests pinned."""
    monkeypatch.setattr(shapes10, "BATCH_SIZE", 40)
    monkeypatch.setattr(shapes10, "MD5", dict.fromkeys(shapes10.MD5, "unknown"))
    with pytest.raises(RuntimeError, match=r"came out wrong on this machine \(data_batch_1, .*; please report it"):
        shapes10.write_batches(tmp_path / "first")
    for name in shapes10.MD5:
        monkeypatch.setitem(shapes10.MD5, name, cifar_files.md5(tmp_path / "first" / name))
    return tmp_path / "data"


def test_only_what_is_missing_or_damaged_is_drawn(small):
    shapes10.write_batches(small)
    (small / "data_batch_3").unlink()
    (small / "test_batch").write_bytes((small / "test_batch").read_bytes()[:-1])
    (small / "batches.meta").write_bytes(b"")
    before = {file.name: file.stat().st_ino for file in small.iterdir()}
    shapes10.write_batches(small)
    assert {name: cifar_files.md5(small / name) for name in shapes10.MD5} == shapes10.MD5
    assert {file.name for file in small.iterdir()} == set(shapes10.MD5)
    kept = {file.name for file in small.iterdir() if before.get(file.name) == file.stat().st_ino}
    assert kept >= {"data_batch_1", "data_batch_2", "data_batch_4", "data_batch_5"}
    assert "data_batch_3" not in kept


def test_nothing_is_drawn_where_all_is_there(small, monkeypatch):
    shapes10.write_batches(small)
    monkeypatch.setattr(shapes10, "_chunks", None)
    shapes10.write_batches(small)


def test_batches_hold_the_images_of_their_seed(small):
    shapes10.write_batches(small)
    X, y = cifar_files.read_batch(small / "data_batch_2")
    np.testing.assert_array_equal(y, shapes10.batch_labels(2))
    np.testing.assert_array_equal(X, shapes10.render(y, seed=2))
    X, y = cifar_files.read_batch(small / "test_batch")
    np.testing.assert_array_equal(X, shapes10.render(y, seed=6))


def test_drawing_needs_nothing_but_numpy():
    code = "import sys, reference.shapes10 as s; s.render([1], 0); print({'torch', 'tqdm', 'PIL'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.slow
def test_the_whole_data_set_has_its_digests_within_20_seconds_of_cpu(tmp_path):
    code = (
        "import sys, time; from reference import shapes10; start = time.process_time(); "
        "shapes10.write_batches(sys.argv[1]); print(time.process_time() - start)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 20
    labels = [cifar_files.read_batch(tmp_path / name)[1] for name in cifar_files.TRAIN_BATCHES]
    assert np.bincount(np.concatenate(labels)).tolist() == [5000] * 10
