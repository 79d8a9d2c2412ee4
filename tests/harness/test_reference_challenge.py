"""The challenge's network: its weights travel in a file that is safe to read and fits, or says why not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from reference import challenge, shapes10

ROOT = Path(__file__).parents[2]


class Payload:
    """Unpickles by running code."""

    def __reduce__(self):
        return print, ("ran",)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "challenge.pt"
    challenge.save_model(challenge.build_model(), path)
    return path


def test_the_network_is_small_and_gives_ten_scores():
    model = challenge.build_model()
    assert sum(p.numel() for p in model.parameters()) <= 250_000
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_images_are_normalized_channel_by_channel():
    images = np.random.RandomState(0).randint(256, size=(2, 3, 4, 5)).astype(np.uint8)
    x = challenge.normalize(images)
    assert (x.dtype, x.shape) == (torch.float32, (2, 3, 4, 5))
    np.testing.assert_allclose(x[1, 2, 3, 4], (images[1, 2, 3, 4] / 255 - 0.4465) / 0.2010, rtol=1e-5)
    assert torch.equal(challenge.normalize(torch.from_numpy(images)), x)


def test_what_is_saved_is_loaded_in_eval_mode(tmp_path):
    model = challenge.build_model()
    model.train()(torch.randn(8, 3, 32, 32))
    challenge.save_model(model, tmp_path / "challenge.pt")
    loaded = challenge.load_model(tmp_path / "challenge.pt")
    x = torch.randn(2, 3, 32, 32)
    assert not loaded.training
    assert torch.equal(loaded(x), model.eval()(x))
    assert [path.name for path in tmp_path.iterdir()] == ["challenge.pt"]


def test_half_precision_is_loaded_as_single(file):
    weights = {name: w.half() if w.is_floating_point() else w for name, w in torch.load(file).items()}
    torch.save(weights, file)
    assert {p.dtype for p in challenge.load_model(file).parameters()} == {torch.float32}


def test_an_interrupted_save_leaves_the_old_file(file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr(torch, "save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        challenge.save_model(challenge.build_model(), file)
    assert file.read_bytes() == before


def refusal(file, kind=ValueError):
    """The sentence that a file is refused with."""
    with pytest.raises(kind) as raised:
        challenge.load_model(file)
    message = str(raised.value)
    assert message.count("\n") == 0
    remedy = "train a model made by build_model() and run the cell save_model(challenge_model) of 5_PyTorch.ipynb"
    assert message.endswith(f"; {remedy}.")
    assert "save_model(challenge_model)\n" in (ROOT / "notebooks/source/5_PyTorch.py").read_text()
    return message


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    message = refusal(tmp_path / "challenge.pt", FileNotFoundError)
    assert message.startswith(f"challenge.pt is missing: looked for {tmp_path / 'challenge.pt'};")


def test_weights_of_another_network_say_what_differs(file):
    weights = torch.load(file)
    last = "12.weight" if "12.weight" in weights else list(weights)[-2]
    torch.save({name: w for name, w in weights.items() if name != last}, file)
    assert f"doesn't fit build_model(): it lacks {last};" in refusal(file)
    torch.save(weights | {"zzz": torch.zeros(1), "zzy": torch.zeros(1)}, file)
    assert "doesn't fit build_model(): it has unknown zzy and 1 more;" in refusal(file)
    torch.save(weights | {last: torch.zeros(10, 7)}, file)
    assert f"{last} has shape (10, 7), the model's has " in refusal(file)


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, torch.zeros(2)])
def test_a_file_without_a_state_dict_says_so(file, content):
    torch.save(content, file)
    assert "doesn't fit build_model(): it holds no state dict;" in refusal(file)


def quantized(weight):
    """The weight in 8 bits, as quantization leaves it."""
    return torch.quantize_per_tensor(weight, scale=0.1, zero_point=0, dtype=torch.qint8)


UNUSUAL = {
    "sparse": (torch.Tensor.to_sparse, "is sparse"),
    "compressed": (lambda w: w.flatten(1).to_sparse_csr(), "is sparse"),
    "quantized": (quantized, "is quantized"),
    "without values": (lambda w: torch.empty(w.shape, device="meta"), "holds no values"),
    "complex": (lambda w: torch.complex(w, w), "holds complex numbers"),
    "a parameter without values": (lambda w: nn.Parameter(w.to("meta")), "holds no values"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_tensors_are_named(file, kind):
    make, what = UNUSUAL[kind]
    weights = torch.load(file)
    first = next(iter(weights))
    torch.save(weights | {first: make(weights[first])}, file)
    assert f"doesn't fit build_model(): {first} {what}, where the model's weights are plain numbers;" in refusal(file)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int32, torch.uint8])
def test_other_real_numbers_are_taken(file, dtype):
    torch.save({name: w.to(dtype) for name, w in torch.load(file).items()}, file)
    assert {p.dtype for p in challenge.load_model(file).parameters()} == {torch.float32}


def test_what_pytorch_itself_cannot_copy_is_refused(file, monkeypatch):
    def fail(*_):
        raise NotImplementedError("no kernel")

    monkeypatch.setattr(nn.Module, "load_state_dict", fail)
    assert "doesn't fit build_model(): PyTorch can't copy its values (no kernel);" in refusal(file)


def test_names_that_are_no_text_say_so(file):
    torch.save(torch.load(file) | {3: torch.zeros(1), ("a", 2): torch.zeros(1)}, file)
    assert "doesn't fit build_model(): it holds no state dict;" in refusal(file)


def test_a_network_of_lazy_layers_is_loaded(tmp_path, monkeypatch):
    def lazy():
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))

    model = lazy()
    model(torch.zeros(2, 3, 32, 32))
    challenge.save_model(model, tmp_path / "challenge.pt")
    monkeypatch.setattr(challenge, "build_model", lazy)
    assert challenge.load_model(tmp_path / "challenge.pt")(torch.zeros(4, 3, 32, 32)).shape == (4, 10)


@pytest.mark.parametrize("size", [0, 10, 5000])
def test_a_damaged_file_says_so(file, size):
    file.write_bytes(file.read_bytes()[:size])
    assert "challenge.pt can't be read as a file of weights;" in refusal(file)


@pytest.mark.parametrize("content", [Payload(), nn.Linear(2, 2)])
def test_a_file_that_would_run_code_is_refused(file, content, capsys):
    torch.save(content, file)
    assert "challenge.pt can't be read as a file of weights;" in refusal(file)
    assert capsys.readouterr().out == ""


def test_the_weights_in_the_repository_classify_new_images():
    labels = np.arange(500) % 10
    images = challenge.normalize(shapes10.render(labels, seed=4321))
    with torch.no_grad():
        predicted = challenge.load_model()(images).argmax(dim=1).numpy()
    assert (predicted == labels).mean() > 0.8
    assert challenge.WEIGHTS.stat().st_size <= 1_000_000


@pytest.mark.parametrize("content", [b"hello\n", b"PK\x03\x04", b"\x80\x02K\x01.", bytes(range(256))])
def test_other_files_say_so(tmp_path, content):
    (tmp_path / "challenge.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"challenge\.pt (can't be read as a file of weights|doesn't fit)"):
        challenge.load_model(tmp_path / "challenge.pt")
