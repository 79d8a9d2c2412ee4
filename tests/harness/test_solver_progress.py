"""The solver's progress bar: only when asked for and only on a long run, and never in the way of training."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from reference import solver as solvers
from reference.classifiers.fc_net import FullyConnectedNet

ROOT = Path(__file__).parents[2]


def train(**options):
    """The validation accuracies of a small training."""
    rng = np.random.RandomState(0)
    data = {"X_train": rng.randn(40, 3), "y_train": rng.randint(2, size=40)}
    data |= {"X_val": rng.randn(20, 3), "y_val": rng.randint(2, size=20)}
    np.random.seed(0)
    solver = solvers.Solver(FullyConnectedNet([4], 3, 2), data, batch_size=10, num_epochs=3, **options)
    solver.train()
    return solver.loss_history, solver.val_acc_history


def test_a_bar_counts_iterations_and_shows_accuracies(monkeypatch, capsys):
    from tqdm.auto import tqdm

    monkeypatch.setattr(solvers, "BAR_DELAY", 0)
    monkeypatch.setattr("tqdm.auto.tqdm", partial(tqdm, mininterval=0))  # draw each step
    train(progress=True, verbose=False)
    out, err = capsys.readouterr()
    assert out == "" and "Training" in err and "/12" in err and "epoch=" in err and "val=" in err


def test_a_short_run_shows_no_bar(capsys):
    train(progress=True, verbose=False)
    assert capsys.readouterr().err.strip() == ""


def test_a_bar_changes_nothing_of_the_training(monkeypatch):
    monkeypatch.setattr(solvers, "BAR_DELAY", 0)
    plain = train(verbose=False)
    assert train(progress=True, verbose=False) == plain
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # importing it raises ImportError
    assert train(progress=True, verbose=False) == plain


@pytest.mark.parametrize("progress", [False, True])
def test_lines_are_printed_if_verbose(progress, capsys):
    train(progress=progress, print_every=6)
    assert capsys.readouterr().out.count("(Iteration") == 2


def test_tqdm_is_imported_for_a_bar_only():
    script = (
        "import sys; sys.path.insert(0, 'tests/harness'); import test_solver_progress as t; t.train(verbose=False);"
    )
    script += "print('tqdm' in sys.modules); t.train(verbose=False, progress=True); print('tqdm' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "True"], done.stderr
