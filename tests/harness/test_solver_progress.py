"""The solver's progress bar: only when asked for, only on a long run, never in the way, gone from a saved notebook."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

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
    from tqdm import tqdm

    monkeypatch.setattr(solvers, "BAR_DELAY", 0)
    monkeypatch.setattr("tqdm.tqdm", partial(tqdm, mininterval=0))  # draw each step
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
    monkeypatch.setitem(sys.modules, "tqdm", None)  # importing it raises ImportError
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


def test_a_bar_in_a_notebook_is_shown_while_it_runs_and_leaves_nothing():
    lines = [
        "from reference.progress import make_bar",
        "bar = iter(make_bar(range(3), desc='Training', mininterval=0))",
    ]
    cells = ["\n".join([*lines, "next(bar), next(bar);"]), "list(bar);"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}, timeout=60)
    with client.setup_kernel():
        client.execute_cell(notebook.cells[0], 0)
        (shown,) = notebook.cells[0].outputs
        assert shown.data["text/plain"].startswith("Training:  33%|")
        client.execute_cell(notebook.cells[1], 1)
    assert notebook.cells[0].outputs[0].data == {"text/plain": ""}
    assert notebook.cells[1].outputs == []
