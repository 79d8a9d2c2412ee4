"""The challenge's images: known to nobody, the same for one secret, and no table or search tells their labels."""

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.files import CourseError, read_or_make_secret
from grader.grading import run
from grader.results.record import CheckResult
from reference import cifar_files, shapes10
from reference.challenge import load_model, normalize
from tests.hidden import challenge_images
from tests.hidden.challenge_images import Stream, challenge

ROOT = Path(__file__).parents[2]
ONE, OTHER = bytes(16), bytes([1] * 16)


def digests(images: np.ndarray) -> list[str]:
    return [hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest() for image in images]


# --- the secret -----------------------------------------------------------------------------------------------------


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "some.secret"
    before = os.umask(0)
    try:
        first = read_or_make_secret(file)
    finally:
        os.umask(before)
    assert (len(first), read_or_make_secret(file)) == (16, first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["some.secret"]
    file.unlink()
    assert read_or_make_secret(file) != first


def test_of_two_that_make_a_secret_at_once_both_get_the_same(tmp_path, monkeypatch):
    file = tmp_path / "some.secret"
    link = os.link

    def overtaken(source, target):
        file.write_text(f"{OTHER.hex()}\n")
        link(source, target)

    monkeypatch.setattr(os, "link", overtaken)
    assert read_or_make_secret(file) == OTHER


def test_a_secret_is_made_where_files_have_but_one_name(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    assert read_or_make_secret(tmp_path / "some.secret") == read_or_make_secret(tmp_path / "some.secret")


@pytest.mark.parametrize("content", ["", "830417\n", "0" * 31, "0" * 33, "x" * 32, "0" * 64])
def test_a_file_of_something_else_is_no_secret(tmp_path, content):
    (tmp_path / "some.secret").write_text(content)
    with pytest.raises(CourseError, match=r"some.secret holds no secret of 128 bits; delete it, and another is made"):
        read_or_make_secret(tmp_path / "some.secret")


def test_the_challenges_secret_is_the_manifests_and_in_no_repository():
    manifest = manifests.load_manifest(ROOT / manifests.FILENAME)
    assert [manifest.root / name for name in manifest.container.secrets] == [challenge_images.SECRET]
    if (ROOT / ".git").exists():
        subprocess.run(["git", "check-ignore", "-q", challenge_images.SECRET], cwd=ROOT, check=True)


# --- Shapes-10 ------------------------------------------------------------------------------------------------------


def test_one_secret_makes_one_set_of_images_and_another_makes_another():
    one, again, other = challenge(ONE), challenge(ONE), challenge(OTHER)
    np.testing.assert_array_equal(one.images, again.images)
    np.testing.assert_array_equal(one.labels, again.labels)
    assert (one.images != other.images).any(axis=(1, 2, 3)).all()
    assert 0.05 < (one.labels == other.labels).mean() < 0.15
    assert (one.images.shape, one.images.dtype, one.scale) == ((1000, 3, 32, 32), np.uint8, "challenge")
    assert np.bincount(one.labels, minlength=10).min() > 60


def test_a_stream_is_the_same_however_much_of_it_is_asked_for():
    whole, parts = Stream(ONE, "grains"), Stream(ONE, "grains")
    expected = whole.bytes(200_000)
    assert b"".join(parts.bytes(n) for n in (1, 70_000, 0, 65_536, 3, 64_460)) == expected
    assert Stream(ONE, "scenes").bytes(32) != expected[:32] != Stream(OTHER, "grains").bytes(32)
    drawn = Stream(ONE, "more").uniform(10_000)
    assert (drawn.min() >= 0, drawn.max() < 1, abs(drawn.mean() - 0.5) < 0.02) == (True, True, True)


def test_images_are_of_the_distribution_that_students_train_on():
    judged = challenge(ONE).images.astype(float)
    usual = shapes10.render(np.arange(1000) % 10, seed=12).astype(float)
    for measure in (np.mean, np.std):
        ours, theirs = (measure(images, axis=(1, 2, 3)) for images in (judged, usual))
        assert abs(ours.mean() - theirs.mean()) < 4 * theirs.std() / np.sqrt(500)


def words_of_seeds(seeds: np.ndarray, count: int) -> np.ndarray:
    """The first 32-bit numbers (count, N) of RandomStates of N seeds: the Mersenne twister, all seeds at once."""
    state = np.empty((624, len(seeds)), dtype=np.uint32)
    state[0] = seeds
    for i in range(1, 624):
        state[i] = np.uint32(1812433253) * (state[i - 1] ^ (state[i - 1] >> np.uint32(30))) + np.uint32(i)
    upper, lower = state[:count] & np.uint32(1 << 31), state[1 : count + 1] & np.uint32((1 << 31) - 1)
    odd = np.where(lower & np.uint32(1), np.uint32(0x9908B0DF), np.uint32(0))
    y = state[397 : 397 + count] ^ ((upper | lower) >> np.uint32(1)) ^ odd
    y ^= y >> np.uint32(11)
    y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    return y ^ (y >> np.uint32(18))


def labels_of_old_seeds(seeds: np.ndarray, count: int) -> np.ndarray:
    """The first labels (count, N) as they were once drawn: `RandomState(seed).randint(10)`, by masks and rejection."""
    drawn = (words_of_seeds(seeds, 4 * count) & np.uint32(15)).T.astype(np.uint8)
    kept = np.argsort(drawn > 9, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(drawn, kept, axis=1).T


def test_the_search_draws_as_randomstate_does():
    seeds = np.array([0, 7, 830_417, 999_999, 2**32 - 1], dtype=np.uint32)
    expected = [np.random.RandomState(seed).randint(10, size=30) for seed in seeds]
    np.testing.assert_array_equal(labels_of_old_seeds(seeds, 30).T, expected)


def test_no_seed_of_six_digits_gives_the_labels():
    """All that a search found when labels and renderer had one seed; chance alone gives one in ten."""
    labels, first = challenge(ONE).labels, 30
    agreement = np.concatenate(
        [
            (labels_of_old_seeds(seeds, first) == labels[:first, None]).sum(axis=0)
            for seeds in np.arange(1_000_000, dtype=np.uint32).reshape(200, -1)
        ]
    )
    assert agreement.mean() == pytest.approx(first / 10, rel=0.01)
    assert agreement.max() < first * 2 / 3
    likely = np.argsort(agreement)[-100:]
    found = [np.random.RandomState(seed).randint(10, size=len(labels)) for seed in likely]
    assert max((guess == labels).mean() for guess in found) < 0.2


def test_no_seed_of_the_renderer_gives_an_image_for_any_label():
    """Seeds of the old kind and of 32 bits: the image of no label comes out, so none is told by rendering it."""
    image = challenge(ONE).images[0]
    seeds = [*range(100), 830_417, *np.random.RandomState(0).randint(2**31, size=100).tolist()]
    for seed in seeds:
        drawn = shapes10.render(np.arange(10), seed=seed)
        assert (np.abs(drawn.astype(int) - image).mean(axis=(1, 2, 3)) > 5).all()


HOSTILE = """

class Searching(nn.Module):
    \"\"\"Classifies nothing: looks for the seed whose renderer made the first image, and answers with its labels.\"\"\"

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))
        self.labels, self.seen = None, 0

    def forward(self, x):
        import numpy as np
        from . import shapes10
        if self.labels is None:
            std, mean = (torch.tensor(v).reshape(3, 1, 1) for v in (CHANNEL_STD, CHANNEL_MEAN))
            first = ((x[0] * std + mean) * 255).round().to(torch.uint8).numpy()
            self.labels = np.zeros(10_000, dtype=int)
            for seed in range(830_400, 830_430):
                labels = np.random.RandomState(seed).randint(10, size=1000)
                if np.array_equal(shapes10.render(labels[:1], seed)[0], first):
                    self.labels = labels
        labels = torch.tensor(self.labels[self.seen : self.seen + len(x)])
        self.seen += len(x)
        return nn.functional.one_hot(labels, 10).float()


def build_model():
    return Searching()
"""


def judged_with(more: str, folder: Path, zygotes) -> CheckResult:
    """The check of accuracy on the reference with more code below its challenge, and a weight named bias."""
    package = shutil.copytree(ROOT / "reference", folder / "student", ignore=shutil.ignore_patterns("datasets"))
    (package / "challenge.py").write_text((package / "challenge.py").read_text() + more)
    torch.save({"bias": torch.zeros(1)}, package / "challenge.pt")
    manifest = manifests.load_manifest(ROOT / manifests.FILENAME)
    record = run.grade_package(manifest, package, Selection(["Q5"], "challenge_accuracy"), zygotes=zygotes)
    return record.checks[0]


def test_a_network_that_searches_for_the_seed_earns_nothing(tmp_path, zygotes):
    """The old seed lies in what it searches, and once earned it every point."""
    check = judged_with(HOSTILE, tmp_path, zygotes)
    assert (check.outcome, check.score) == ("failed", 0)
    assert check.message.startswith(f"{check.standing.name}: earns 0 of 2 points")


MODEST = """

class Modest(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        assert len(x) <= 25 and not (x.sum() * self.bias).requires_grad, "too much at a time"
        return torch.zeros(len(x), 10)


def build_model():
    return Modest()
"""


def test_images_come_in_small_batches_and_without_gradients(tmp_path, zygotes):
    check = judged_with(MODEST, tmp_path, zygotes)
    assert check.message.startswith(f"{check.standing.name}: earns 0 of 2 points")


@pytest.mark.parametrize("right, share", [(830, 0.83), (834, 0.83), (836, 0.84), (0, 0), (1000, 1)])
def test_what_one_image_adds_shows_nowhere(right, share):
    labels = np.zeros(1000, dtype=int)
    scores = np.eye(10)[(np.arange(1000) >= right).astype(int)]
    assert challenge_images.accuracy(scores, labels) == share


def test_steps_lie_between_what_networks_reach():
    """The accuracies of the log, on the images of five secrets each, earn each outcome there is."""
    scale = manifests.load_manifest(ROOT / manifests.FILENAME).scale("challenge")
    rows = [line.strip("| ").split(" | ") for line in (ROOT / "training/accuracy_table.log").read_text().splitlines()]
    reached = {(row[0].partition(",")[0], row[1]): row[4:6] for row in rows if len(row) == 7 and row[1].isdigit()}
    for spread, points in reached.values():
        assert f"{scale.earned(round(float(spread.split()[0]), 2)):g}" == points
    assert reached["linear softmax", "8"][1] == "0"
    assert reached["challenge network (PyTorch)", "1"][1] == "1.5"
    assert reached["challenge network (PyTorch)", "6"][1] == "2"
    assert {points for _, points in reached.values()} == {"0", "0.5", "1", "1.5", "2"}


@pytest.mark.parametrize("secret", [ONE, OTHER, bytes([7] * 16)], ids=["one", "other", "third"])
def test_the_references_weights_reach_the_top_whatever_the_secret(secret):
    judged = challenge(secret)
    with torch.no_grad():
        scores = load_model()(normalize(judged.images)).numpy()
    found = challenge_images.accuracy(scores, judged.labels)
    top, points = manifests.load_manifest(ROOT / manifests.FILENAME).scale("challenge").steps[-1]
    assert (found > top, points) == (True, 2)


@pytest.mark.parametrize("name", ["notebooks/source/5_PyTorch.py", "docs/student-guide.md", "docs/instructor-guide.md"])
def test_the_budget_is_told_where_students_and_staff_read(name):
    budget = manifests.load_manifest(ROOT / manifests.FILENAME).budget("challenge")
    text = (ROOT / name).read_text()
    assert f"{budget.megabytes} MB" in text
    assert re.search(rf"{budget.cpu_seconds} (seconds of processor time|CPU seconds)", text)


# --- CIFAR-10 -------------------------------------------------------------------------------------------------------


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """A folder that looks like CIFAR-10's with 200 test images, of which the challenge takes 60."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    labels = np.arange(200) * 7 % 10
    cifar_files.write_batch(
        folder / "test_batch", "testing batch 1 of 1", shapes10.render(labels, seed=77), labels, ["a.png"] * 200
    )
    monkeypatch.setattr(challenge_images, "CIFAR10_DIR", folder)
    monkeypatch.setattr(challenge_images, "PACKED", tmp_path / "challenge.npz")
    monkeypatch.setattr(challenge_images, "COUNT", 60)
    return folder


def test_a_choice_of_cifar10_is_packed_and_the_same_secret_packs_the_same_bytes(cifar):
    assert challenge_images.pack(ONE) == (
        "The challenge is judged on 60 of CIFAR-10's 200 test images, each a little changed."
    )
    first, judged = challenge_images.PACKED.read_bytes(), challenge()
    challenge_images.pack(ONE)
    assert challenge_images.PACKED.read_bytes() == first
    challenge_images.pack(OTHER)
    assert challenge_images.PACKED.read_bytes() != first
    assert (judged.scale, judged.images.shape, len(judged.labels)) == ("challenge-cifar10", (60, 3, 32, 32), 60)
    images, _ = cifar_files.read_batch(cifar / "test_batch")
    assert len(set(digests(judged.images))) == 60, "no image is chosen twice"
    known = set(digests(images)) | set(digests(images[:, :, :, ::-1]))
    assert not known & set(digests(judged.images))


def test_a_packed_image_is_still_its_original_with_its_label(cifar):
    challenge_images.pack(ONE)
    judged = challenge()
    images, labels = cifar_files.read_batch(cifar / "test_batch")
    views = np.concatenate([images, images[:, :, :, ::-1]])[:, :, 8:24, 8:24].astype(float).mean(axis=1)
    for image, label in zip(judged.images, judged.labels, strict=True):
        windows = [image[:, r : r + 16, c : c + 16].mean(axis=0) for r in range(5, 12) for c in range(5, 12)]
        flat = np.array([w.ravel() - w.mean() for w in windows])
        wanted = views.reshape(len(views), -1) - views.reshape(len(views), -1).mean(axis=1, keepdims=True)
        alike = flat @ wanted.T / np.linalg.norm(flat, axis=1)[:, None] / np.linalg.norm(wanted, axis=1)
        assert alike.max() > 0.95
        assert labels[alike.max(axis=0).argmax() % len(labels)] == label


def test_a_network_is_judged_on_what_is_packed_by_its_own_scale(cifar, tmp_path, zygotes):
    challenge_images.pack(ONE)
    (check, again) = (judged_with(MODEST, tmp_path / name, zygotes) for name in ("first", "second"))
    assert check.standing.name == "Accuracy on the challenge's images, of CIFAR-10"
    assert check.standing.value == round((challenge().labels == 0).mean(), 2) == again.standing.value
    assert (check.outcome, check.score) == ("failed", 0)


def test_the_reference_is_trained_on_cifar10_where_that_is_judged(cifar, tmp_path, monkeypatch, capsys):
    script = load_script("train_challenge")
    monkeypatch.setattr(script.data_utils, "CIFAR10_DIR", cifar)
    for name in cifar_files.TRAIN_BATCHES:
        labels = np.arange(40) % 10
        cifar_files.write_batch(cifar / name, name, shapes10.render(labels, seed=1), labels, ["a.png"] * 40)
    challenge_images.pack(ONE)
    threads, weights = torch.get_num_threads(), tmp_path / "challenge.pt"
    try:
        status = script.main(["--epochs", "1", "--output", str(weights)])
        said = capsys.readouterr().out.splitlines()
        assert (status, said[0].partition(":")[0], len(said)) == (1, "epoch 1", 4)
        assert said[1].startswith("cifar10: 220066 parameters, ")
        assert said[3].endswith("; from 0.8 on it earns 2 points")
        assert load_model(weights)(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
        monkeypatch.setattr(script, "accuracy", lambda *_: 0.8)
        assert script.main(["--epochs", "1", "--output", str(weights)]) == 0
    finally:
        torch.set_num_threads(threads)


def load_script(name: str):
    """A script of training/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"training/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_image_is_changed_in_its_own_way():
    images = np.tile(shapes10.render([3], seed=5), (400, 1, 1, 1))
    found = challenge_images.changed(images, Stream(ONE, "changes"))
    assert len(set(digests(found))) == 400
    assert (found != images).reshape(400, -1).mean(axis=1).min() > 0.5
    brighter = (found.mean(axis=(1, 2, 3)) > images.mean(axis=(1, 2, 3))).mean()
    assert 0.4 < brighter < 0.6


def test_without_cifar10_what_was_packed_goes(cifar):
    challenge_images.pack(ONE)
    (cifar / "test_batch").unlink()
    told = challenge_images.pack(ONE)
    assert told.startswith("The challenge is judged on Shapes-10: there is no CIFAR-10 in ")
    assert not challenge_images.PACKED.exists()
    assert challenge(ONE).scale == "challenge"
