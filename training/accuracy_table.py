"""Print how well the assignment's networks do on Shapes-10, as a Markdown table.

    python training/accuracy_table.py [--only linear fc1 conv1 fc6 conv3 challenge1 challenge] [--seed 231]

The NumPy networks are trained by Solver on the 49,000 training images; the challenge network is trained for one epoch
by train_challenge.py, and then taken from reference/challenge.pt, as that script left it. Besides validation and test
images, each network sees the challenge's images of five secrets: the column gives the mean of the five accuracies, the
least and the greatest. Points are those of the mean by the manifest's scale. Seconds are of one processor core.
"""

import argparse
import os
import sys
import time
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.course import manifest as manifests  # noqa: E402
from reference import data_utils, shapes10  # noqa: E402
from reference.classifiers.cnn import ThreeLayerConvNet  # noqa: E402
from reference.classifiers.fc_net import FullyConnectedNet  # noqa: E402
from reference.solver import Solver  # noqa: E402
from tests.hidden import challenge_images  # noqa: E402

EXAMPLES = [challenge_images.challenge(bytes([number] * 16)) for number in range(5)]
SCALE = manifests.load_manifest(ROOT / manifests.FILENAME).scale("challenge")


def linear():
    """A linear softmax classifier: a fully connected network without hidden layers."""
    return FullyConnectedNet([], weight_scale=1e-4), {"epochs": 8, "rate": 1.5e-5, "decay": 0.8, "batch": 200}


def fc(epochs: int):
    """A fully connected network with batch normalization and dropout."""
    net = FullyConnectedNet([400, 200, 100], normalization="batchnorm", dropout_keep_ratio=0.8, weight_scale=2e-2)
    return net, {"epochs": epochs, "rate": 1e-3, "decay": 0.85, "batch": 100}


def conv(epochs: int, reg: float, decay: float = 1.0):
    """The three-layer convolutional network with 32 filters of 7x7 and 500 hidden units."""
    net = ThreeLayerConvNet(num_filters=32, filter_size=7, hidden_dim=500, weight_scale=1e-3, reg=reg)
    return net, {"epochs": epochs, "rate": 1e-3, "decay": decay, "batch": 50}


def row(name: str, epochs: int, validation: float, test: float, judged: list[float], seconds: str) -> str:
    """A row of the table."""
    mean = sum(judged) / len(judged)
    spread = f"{mean:.3f} ({min(judged):.3f} to {max(judged):.3f})"
    points = SCALE.earned(round(mean, 2))
    return f"| {name} | {epochs} | {validation:.3f} | {test:.3f} | {spread} | {points:g} | {seconds} |"


def row_of_solver(name: str, build, data: dict, seed: int) -> str:
    """Train a NumPy network and return its row of the table."""
    np.random.seed(seed)
    net, how = build()
    start = time.process_time()
    solver = Solver(
        net,
        data,
        update_rule="adam",
        optim_config={"learning_rate": how["rate"]},
        lr_decay=how["decay"],
        num_epochs=how["epochs"],
        batch_size=how["batch"],
        verbose=False,
    )
    solver.train()
    seconds = time.process_time() - start
    test = solver.check_accuracy(data["X_test"], data["y_test"])
    judged = [solver.check_accuracy(x.images - data["mean"], x.labels) for x in EXAMPLES]
    return row(name, how["epochs"], solver.best_val_acc, test, judged, f"{seconds:.0f}")


def row_of_challenge(epochs: int, seed: int) -> str:
    """Train the challenge network for an epoch, or take the saved one, and return its row of the table."""
    import torch
    import train_challenge

    torch.set_num_threads(1)
    start = time.process_time()
    model = train_challenge.train("shapes10", 1, seed) if epochs == 1 else train_challenge.challenge.load_model()
    seconds = f"{time.process_time() - start:.0f}" if epochs == 1 else "see challenge.log"
    _, validation = train_challenge.split(*train_challenge.load("shapes10", train=True))
    parts = [validation, train_challenge.load("shapes10", train=False)]
    parts += [(torch.from_numpy(x.images), torch.from_numpy(x.labels)) for x in EXAMPLES]
    found = [train_challenge.accuracy(model, *part) for part in parts]
    return row("challenge network (PyTorch)", epochs, *found[:2], found[2:], seconds)


FC_NAME = "fully connected 400-200-100, batch norm, dropout"
CONV_NAME = "three-layer conv net, 32 filters 7x7"
ROWS = {
    "linear": ("linear softmax", linear),
    "fc1": (FC_NAME, lambda: fc(epochs=1)),
    "conv1": (f"{CONV_NAME}, reg 1e-3", lambda: conv(epochs=1, reg=1e-3)),
    "fc6": (FC_NAME, lambda: fc(epochs=6)),
    "conv3": (f"{CONV_NAME}, reg 3e-2, decay 0.3", lambda: conv(epochs=3, reg=3e-2, decay=0.3)),
}
EPOCHS = {"challenge1": 1, "challenge": 6}  # of the challenge network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[*ROWS, *EPOCHS], default=[*ROWS, *EPOCHS])
    parser.add_argument("--seed", type=int, default=231)
    options = parser.parse_args()
    folder = data_utils.DATASETS / shapes10.FOLDER
    shapes10.write_batches(folder)
    data = data_utils.get_CIFAR10_data(num_test=10_000, root=folder)
    first, _ = data_utils.read_batch(folder / "test_batch")
    data["mean"] = first[0] - data["X_test"][0]
    print(f"Shapes-10, seed {options.seed}\n")
    print("| network | epochs | validation | test | challenge | points | seconds |", flush=True)
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in options.only:
        found = row_of_challenge(EPOCHS[name], options.seed) if name in EPOCHS else None
        print(found or row_of_solver(*ROWS[name], data, options.seed), flush=True)


if __name__ == "__main__":
    main()
