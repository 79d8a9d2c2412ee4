"""Print how well the assignment's networks do on Shapes-10, as a Markdown table.

    python training/accuracy_table.py [--only linear fc1 conv1 fc6 conv3 challenge] [--seed 231]

The NumPy networks are trained by Solver on the 49,000 training images; the challenge network is reference/challenge.pt,
as training/train_challenge.py left it. Seconds are of one processor core, for training.
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

from reference import data_utils, shapes10  # noqa: E402
from reference.classifiers.cnn import ThreeLayerConvNet  # noqa: E402
from reference.classifiers.fc_net import FullyConnectedNet  # noqa: E402
from reference.solver import Solver  # noqa: E402


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
    return f"| {name} | {how['epochs']} | {solver.best_val_acc:.3f} | {test:.3f} | {seconds:.0f} |"


def row_of_challenge(epochs: str) -> str:
    """Judge the saved challenge network and return its row of the table."""
    import train_challenge

    model = train_challenge.challenge.load_model()
    images, labels = train_challenge.load(train=True)
    validation = train_challenge.accuracy(model, images[49_000:], labels[49_000:])
    test = train_challenge.accuracy(model, *train_challenge.load(train=False))
    return f"| challenge network (PyTorch) | {epochs} | {validation:.3f} | {test:.3f} | see challenge.log |"


FC_NAME = "fully connected 400-200-100, batch norm, dropout"
CONV_NAME = "three-layer conv net, 32 filters 7x7"
ROWS = {
    "linear": ("linear softmax", linear),
    "fc1": (FC_NAME, lambda: fc(epochs=1)),
    "conv1": (f"{CONV_NAME}, reg 1e-3", lambda: conv(epochs=1, reg=1e-3)),
    "fc6": (FC_NAME, lambda: fc(epochs=6)),
    "conv3": (f"{CONV_NAME}, reg 3e-2, decay 0.3", lambda: conv(epochs=3, reg=3e-2, decay=0.3)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[*ROWS, "challenge"], default=[*ROWS, "challenge"])
    parser.add_argument("--seed", type=int, default=231)
    options = parser.parse_args()
    folder = data_utils.DATASETS / shapes10.FOLDER
    shapes10.write_batches(folder)
    data = data_utils.get_CIFAR10_data(num_test=10_000, root=folder)
    print(f"Shapes-10, seed {options.seed}\n")
    print("| network | epochs | validation | test | seconds |\n|---|---|---|---|---|", flush=True)
    for row in options.only:
        print(
            row_of_challenge("6") if row == "challenge" else row_of_solver(*ROWS[row], data, options.seed), flush=True
        )


if __name__ == "__main__":
    main()
