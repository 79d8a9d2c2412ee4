"""The pretrained network and its pictures: always a matching pair, ImageNet's or the embedded one."""

import dataclasses
from hashlib import sha256

import numpy as np
import pytest
import torch

from reference import pretrained
from reference.fetch import Unavailable
from reference.image_utils import SQUEEZENET_MEAN, SQUEEZENET_STD
from reference.shapes10 import CLASSES, render
from reference.vision import torchvision


def as_input(images):
    """Bytes (N, H, W, 3) as the network takes them."""
    x = torch.from_numpy((images / np.float32(255) - SQUEEZENET_MEAN) / SQUEEZENET_STD)
    return x.permute(0, 3, 1, 2).contiguous()


def imagenet_state():
    """Untrained weights of ImageNet's shapes."""
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1().state_dict()


@pytest.fixture(autouse=True)
def nothing_there(tmp_path, monkeypatch):
    """No ImageNet sample, no downloaded weights, no network, and nothing decided yet."""
    monkeypatch.setattr(pretrained, "IMAGENET_VAL_FILE", tmp_path / "imagenet_val_25.npz")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(pretrained, "fetch", no_network)
    pretrained._imagenet_state.cache_clear()
    yield
    pretrained._imagenet_state.cache_clear()


def no_network(url, path):
    raise Unavailable(f"{url} can't be reached: no route to host")


def never(url, path):
    raise AssertionError("a download was tried")


def writes(content):
    """A fetch that receives these bytes."""

    def fetch(url, path):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)

    return fetch


@pytest.fixture
def sample(tmp_path):
    """An ImageNet sample of three pictures, where it is looked for."""
    path = tmp_path / "imagenet_val_25.npz"
    X, y = np.zeros((3, 224, 224, 3), dtype=np.uint8), np.array([5, 6, 7])
    np.savez(path, X=X, y=y, label_map={5: "a", 6: "b", 7: "c"})
    return path


@pytest.fixture
def downloaded(tmp_path):
    """Weights where torchvision keeps what it has downloaded."""
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = imagenet_state()
    torch.save(state, folder / "squeezenet1_1-b8a52dc0.pth")
    return state


def test_the_embedded_network_knows_its_pictures():
    model, classes = pretrained.load_squeezenet()
    images, y, names = pretrained.example_images(20)
    assert images.shape == (20, model.image_size, model.image_size, 3)
    assert images.dtype == np.uint8
    assert classes == names == dict(enumerate(CLASSES))
    right = model(as_input(images)).argmax(dim=1).numpy() == y
    assert right.mean() >= 0.85
    # the pictures that the notebook shows
    assert right[:5].all()


def test_the_embedded_network_is_right_on_images_it_has_not_seen():
    y = np.random.RandomState(5).randint(10, size=300)
    images = render(y, seed=123456, size=pretrained.EMBEDDED_SIZE).transpose(0, 2, 3, 1)
    scores = pretrained.load_squeezenet()[0](as_input(images))
    assert (scores.argmax(dim=1).numpy() == y).mean() > 0.85


def test_every_class_can_be_climbed_from_every_example():
    """A score whose ReLU is dead everywhere has no gradient: nothing to fool the network with."""
    model, _ = pretrained.load_squeezenet()
    scores = model(as_input(pretrained.example_images(10)[0]))
    assert (scores > 0).all()


def test_the_network_is_frozen_and_in_eval_mode():
    model, _ = pretrained.load_squeezenet()
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())


def test_examples_are_always_the_same():
    first, second = (pretrained.example_images(4)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, pretrained.example_images(7)[0][:4])


def test_the_embedded_file_is_small_and_torchvisions():
    assert pretrained.EMBEDDED_FILE.stat().st_size < 3e6
    state = pretrained.load_weights(pretrained.EMBEDDED_FILE)
    model = torchvision.models.squeezenet1_1(num_classes=10)
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in model.state_dict().items()}


def test_weights_survive_saving_to_half_precision(tmp_path):
    state = {"a.weight": torch.randn(4, 3), "b": torch.tensor([1.0, 0.5])}
    pretrained.save_weights(state, tmp_path / "w.npz")
    back = pretrained.load_weights(tmp_path / "w.npz")
    assert all(value.dtype == torch.float32 for value in back.values())
    torch.testing.assert_close(back, state, rtol=1e-3, atol=1e-7)


def test_weights_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        pretrained.load_weights(tmp_path / "w.npz")


def test_missing_weights_say_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz; get the folder assets anew"):
        pretrained.load_weights(tmp_path / "none.npz")


def test_imagenets_network_comes_with_imagenets_pictures(sample, downloaded, capsys):
    model, classes = pretrained.load_squeezenet()
    images, _, names = pretrained.example_images(2)
    assert (model.image_size, images.shape, names[5]) == (224, (2, 224, 224, 3), "a")
    assert (len(classes), classes[76]) == (1000, "tarantula")
    torch.testing.assert_close(dict(model.state_dict()), dict(downloaded))
    assert "embedded" not in capsys.readouterr().out


def test_downloaded_weights_are_not_fetched_again(sample, downloaded, monkeypatch):
    monkeypatch.setattr(pretrained, "fetch", never)
    assert len(pretrained.load_squeezenet()[1]) == 1000


def test_weights_are_fetched_to_where_torchvision_looks_for_them(sample, tmp_path, monkeypatch):
    made = tmp_path / "made.pth"
    torch.save(imagenet_state(), made)
    content = made.read_bytes()
    url = f"https://example.org/net-{sha256(content).hexdigest()[:8]}.pth"
    weights = dataclasses.replace(torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1.value, url=url)
    monkeypatch.setattr(pretrained.IMAGENET_WEIGHTS, "_value_", weights)
    monkeypatch.setattr(pretrained, "fetch", writes(content))
    assert len(pretrained.load_squeezenet()[1]) == 1000


def test_a_damaged_download_is_not_the_end(sample, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretrained, "fetch", writes(b"half of it"))
    assert len(pretrained.load_squeezenet()[1]) == 10
    assert "wrong checksum" in capsys.readouterr().out
    assert not list((tmp_path / "hub" / "checkpoints").iterdir())


def test_without_the_sample_nothing_is_fetched(downloaded, monkeypatch):
    monkeypatch.setattr(pretrained, "fetch", never)
    assert len(pretrained.load_squeezenet()[1]) == 10


def test_without_a_network_one_notice_names_the_reason(sample, capsys):
    assert len(pretrained.load_squeezenet()[1]) == 10
    assert pretrained.example_images(3)[0].shape[1] == pretrained.EMBEDDED_SIZE
    pretrained.load_squeezenet()
    said = capsys.readouterr().out
    assert said.count("embedded SqueezeNet") == 1
    assert "no route to host" in said
