"""CIFAR-10 through torchvision's loader, fetched from a server of our own, and Shapes-10 where it can't be had."""

import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from reference import cifar_files, data_utils, fetch, image_sets, shapes10

ROOT = Path(data_utils.__file__).resolve().parent.parent
NOWHERE = "http://127.0.0.1:9/cifar-10-python.tar.gz"


class Server(ThreadingHTTPServer):
    """Serves one file at any address; may break off after some bytes or know nothing of ranges."""

    content = b""
    breaks_after = None
    ranges = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/cifar-10-python.tar.gz"


class Answers(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : server.breaks_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Answers) as server:
        server.content, server.asked = np.random.RandomState(0).bytes(300_000), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv(fetch.OFFLINE, raising=False)


def test_fetch_fetches(server, tmp_path):
    fetch.fetch(server.url, tmp_path / "new" / "file")
    assert (tmp_path / "new" / "file").read_bytes() == server.content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_fetch_goes_on_where_it_broke_off(server, tmp_path):
    server.breaks_after = 120_000
    with pytest.raises(
        fetch.Unavailable, match=r"fetching http.* broke off \(.*\); 0 MB are kept, the next try goes on"
    ):
        fetch.fetch(server.url, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    server.breaks_after = None
    fetch.fetch(server.url, tmp_path / "file")
    assert server.asked == [None, "bytes=120000-"]
    assert (tmp_path / "file").read_bytes() == server.content


def test_fetch_starts_again_where_the_server_knows_no_ranges(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 1000)
    server.ranges = False
    fetch.fetch(server.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == server.content


def test_fetch_starts_again_where_the_part_is_longer_than_the_file(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"x" * 400_000)
    fetch.fetch(server.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == server.content
    assert server.asked == ["bytes=400000-", None]


def test_fetch_gives_up_at_once_offline_and_soon_without_an_answer(tmp_path, monkeypatch):
    with pytest.raises(fetch.Unavailable, match=r"can't be reached: .*refused"):
        fetch.fetch(NOWHERE, tmp_path / "file")
    monkeypatch.setattr(fetch, "SECONDS", 0.3)
    released = threading.Event()
    monkeypatch.setattr(fetch, "_knock", lambda *_: released.wait(90))
    start = time.monotonic()
    with pytest.raises(fetch.Unavailable, match="can't be reached: no answer"):
        fetch.fetch(NOWHERE, tmp_path / "file")
    assert time.monotonic() - start < 30
    released.set()
    monkeypatch.setenv(fetch.OFFLINE, "1")
    monkeypatch.setattr(fetch, "_require_answer", None)
    with pytest.raises(fetch.Unavailable, match="CHAINRULE_OFFLINE is set"):
        fetch.fetch(NOWHERE, tmp_path / "file")
    assert not list(tmp_path.iterdir())


def pinned(data_set, monkeypatch, folder):
    """Let a data set expect the files of a folder."""
    for names, attribute in ((cifar_files.TRAIN_BATCHES, "train_list"), (cifar_files.TEST_BATCHES, "test_list")):
        monkeypatch.setattr(data_set, attribute, [[name, cifar_files.md5(folder / name)] for name in names])
    monkeypatch.setattr(data_set, "meta", data_set.meta | {"md5": cifar_files.md5(folder / cifar_files.META)})


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    """An empty folder of data sets, with Shapes-10 cut down to 20 images a batch and CIFAR-10 out of reach."""
    monkeypatch.setattr(shapes10, "BATCH_SIZE", 20)
    monkeypatch.setattr(shapes10, "MD5", dict.fromkeys(shapes10.MD5, "unknown"))
    with pytest.raises(RuntimeError, match="came out wrong"):
        shapes10.write_batches(tmp_path / "pinned")
    for name in shapes10.MD5:
        monkeypatch.setitem(shapes10.MD5, name, cifar_files.md5(tmp_path / "pinned" / name))
    pinned(image_sets.Shapes10, monkeypatch, tmp_path / "pinned")
    monkeypatch.setattr(image_sets.CIFAR10, "url", NOWHERE)
    monkeypatch.setattr(data_utils, "DATASETS", tmp_path / "datasets")
    monkeypatch.setattr(data_utils, "CIFAR10_DIR", tmp_path / "datasets" / "cifar-10-batches-py")
    forget()
    yield tmp_path / "datasets"
    forget()


def forget():
    data_utils._cifar10_can_be_had.cache_clear()
    data_utils._folder_without_torchvision.cache_clear()


@pytest.fixture
def served(datasets, monkeypatch, server):
    """The same with a little CIFAR-10, of 6 times 20 images, on a server; returns the folder, the images and labels."""
    folder = datasets.parent / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.RandomState(1)
    images, labels = rng.randint(256, size=(6, 20, 3, 32, 32)).astype(np.uint8), rng.randint(10, size=(6, 20))
    for name, X, y in zip((*cifar_files.TRAIN_BATCHES, *cifar_files.TEST_BATCHES), images, labels, strict=True):
        cifar_files.write_batch(folder / name, name, X, y, ["a.png"] * 20)
    cifar_files.write_meta(folder / cifar_files.META, [f"thing {i}" for i in range(10)], 20)
    pinned(image_sets.CIFAR10, monkeypatch, folder)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    server.content = packed.getvalue()
    (folder.parent / "archive").write_bytes(server.content)
    monkeypatch.setattr(image_sets.CIFAR10, "url", server.url)
    monkeypatch.setattr(image_sets.CIFAR10, "tgz_md5", cifar_files.md5(folder.parent / "archive"))
    return datasets, images, labels


def test_cifar10_is_fetched_unpacked_and_split(served, capsys):
    datasets, images, labels = served
    data = data_utils.get_CIFAR10_data(90, 7, 5)
    train = np.concatenate(images[:5]).astype(np.float32)
    mean = train[:90].mean(axis=0, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(data["X_train"], train[:90] - mean)
    np.testing.assert_array_equal(data["X_val"], train[90:97] - mean)
    np.testing.assert_array_equal(data["X_test"], images[5, :5] - mean)
    np.testing.assert_array_equal(data["y_val"], labels[:5].ravel()[90:97])
    assert data["class_names"][2] == "thing 2"
    assert {array.dtype for name, array in data.items() if name.startswith("X")} == {np.dtype(np.float32)}
    assert {array.dtype for name, array in data.items() if name.startswith("y")} == {np.dtype(np.int64)}
    assert "Shapes-10" not in capsys.readouterr().out
    assert not (datasets / shapes10.FOLDER).exists()


def test_cifar10_is_fetched_once(served, server):
    data_utils.get_CIFAR10_data(90, 7, 5)
    data_utils.get_CIFAR10_data(90, 7, 5)
    assert len(server.asked) == 1


def test_a_damaged_cifar10_is_mended_from_its_archive(served, server):
    datasets, images, _ = served
    data_utils.image_dataset(train=True)
    (datasets / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"damaged")
    forget()
    data = data_utils.image_dataset(train=True).data
    np.testing.assert_array_equal(data, np.concatenate(images[:5]).transpose(0, 2, 3, 1))
    assert len(server.asked) == 1


def test_an_archive_with_a_wrong_checksum_is_not_unpacked(served, server, capsys):
    server.content = server.content[:-1] + b"x"
    names = data_utils.get_CIFAR10_data(90, 7, 5)["class_names"]
    assert tuple(names) == shapes10.CLASSES
    assert "has the wrong checksum" in capsys.readouterr().out
    assert not list(served[0].glob("cifar*"))


def test_without_a_network_shapes10_stands_in_with_one_notice(datasets, capfd):
    data = data_utils.get_CIFAR10_data(80, 20, 10, subtract_mean=False)
    assert len(data_utils.image_dataset(train=True)) == 100
    X, y = cifar_files.read_batch(datasets / shapes10.FOLDER / "data_batch_5")
    np.testing.assert_array_equal(data["X_val"], X)
    np.testing.assert_array_equal(data["y_val"], y)
    assert tuple(data["class_names"]) == shapes10.CLASSES
    out, err = capfd.readouterr()
    assert out.count("\n") == out.count("Shapes-10 stands in") == 1
    assert out.startswith(f"CIFAR-10 isn't complete in {datasets / 'cifar-10-batches-py'} and can't be fetched (")
    assert out.endswith(f"cifar-10-python.tar.gz into {datasets}.\n")
    assert "Traceback" not in err


def test_shapes10_is_drawn_again_where_it_is_damaged(datasets):
    before = data_utils.image_dataset(train=False).data
    (datasets / shapes10.FOLDER / "test_batch").write_bytes(b"damaged")
    np.testing.assert_array_equal(data_utils.image_dataset(train=False).data, before)


def test_image_dataset_gives_transformed_pictures_and_labels(datasets):
    part = data_utils.image_dataset(train=False, transform=np.asarray)
    image, label = part[3]
    X, y = cifar_files.read_batch(datasets / shapes10.FOLDER / "test_batch")
    np.testing.assert_array_equal(image, X[3].transpose(1, 2, 0))
    assert label == y[3]
    assert part.classes == list(shapes10.CLASSES)
    assert isinstance(part, image_sets.torchvision.datasets.CIFAR10)


def test_without_torchvision_the_same_arrays_are_read(datasets, monkeypatch, capsys):
    expected = data_utils.get_CIFAR10_data(80, 20, 10)

    def missing(train):
        raise ImportError("no torchvision")

    monkeypatch.setattr(data_utils, "image_dataset", missing)
    found = data_utils.get_CIFAR10_data(80, 20, 10)
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_array_equal(found[name], expected[name])
        assert found[name].dtype == expected[name].dtype
    assert "(no torchvision)" in capsys.readouterr().out


def test_another_folder_can_be_named(tmp_path):
    code = "from reference import data_utils; print(data_utils.CIFAR10_DIR)"
    environment = os.environ | {"CHAINRULE_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "cifar-10-batches-py")


def test_torchvision_that_does_not_fit_says_so_in_one_sentence():
    code = (
        "import importlib; real = importlib.import_module\n"
        "def refuse(name):\n"
        "    if name == 'torchvision': raise ImportError('No module named torchvision')\n"
        "    return real(name)\n"
        "importlib.import_module = refuse\n"
        "import reference.vision"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: torchvision can't be imported beside torch ")
    assert last.endswith("install a matching pair, such as the one that constraints.txt names.")


MEMORY = """
import resource, sys
from reference import data_utils, image_sets
here = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = here()
data = data_utils.get_CIFAR10_data()
returned = sum(array.nbytes for array in data.values())
print((here() - before) / returned)
"""


@pytest.mark.slow
def test_the_whole_data_set_takes_hardly_more_memory_than_its_arrays(tmp_path):
    environment = os.environ | {"CHAINRULE_DATA": str(tmp_path), fetch.OFFLINE: "1"}
    command = [sys.executable, "-c", MEMORY]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert float(done.stdout.splitlines()[-1]) < 1.3
