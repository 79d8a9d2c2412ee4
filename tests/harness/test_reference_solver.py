"""The solver draws, records, prints, saves and restores as its documentation says."""

import copy
import pickle
import re

import numpy as np
import pytest

from reference import optim
from reference.classifiers.fc_net import FullyConnectedNet
from reference.solver import Solver


class ScriptedModel:
    """A model with one parameter; its accuracy at each check is given, on data whose labels are all 1."""

    def __init__(self, accuracies=(), dtype=np.float64):
        self.params = {"w": np.zeros(3, dtype=dtype)}
        self.accuracies = list(accuracies)
        self.batches = []

    def loss(self, X, y=None):
        if y is not None:
            self.batches.append(X[:, 0].tolist())
            return 0.5, {"w": np.ones(3, dtype=self.params["w"].dtype)}
        accuracy = self.accuracies.pop(0) if self.accuracies else 0
        right = np.arange(len(X)) < accuracy * len(X)
        return np.stack([~right, right], axis=1)


def numbered_data(n_train=20, n_val=10):
    X_train, X_val = (np.arange(n, dtype=float)[:, np.newaxis] for n in (n_train, n_val))
    return {"X_train": X_train, "y_train": np.ones(n_train, int), "X_val": X_val, "y_val": np.ones(n_val, int)}


def blobs(n=60, seed=0):
    """Three separable classes in the plane."""
    rng = np.random.RandomState(seed)
    y = np.arange(n) % 3
    X = 3 * np.array([[0, 1], [1, -1], [-1, -1]])[y] + rng.randn(n, 2)
    return {"X_train": X[: n // 2], "y_train": y[: n // 2], "X_val": X[n // 2 :], "y_val": y[n // 2 :]}


def test_it_trains_a_network_and_keeps_the_best_of_it():
    np.random.seed(0)
    data = blobs()
    model = FullyConnectedNet([10], 2, 3, weight_scale=0.1, normalization="batchnorm", dtype=np.float64)
    solver = Solver(model, data, update_rule="adam", optim_config={"learning_rate": 1e-2}, batch_size=10, verbose=False)
    solver.train()
    assert solver.best_val_acc > 0.85
    assert solver.check_accuracy(data["X_val"], data["y_val"]) == solver.best_val_acc == max(solver.val_acc_history)
    assert len(solver.loss_history) == 30 and len(solver.train_acc_history) == len(solver.val_acc_history) == 11


def test_best_weights_come_back_with_their_running_statistics():
    model = ScriptedModel([0, 0.1, 0, 0.9, 0, 0.9, 0, 0.2])  # training and validation accuracy in turn
    model.bn_params = [{"running_mean": np.zeros(1)}]
    plain_loss = model.loss

    def loss(X, y=None):
        if y is not None:
            model.bn_params[0]["running_mean"] += 1
        return plain_loss(X, y)

    model.loss = loss
    solver = Solver(
        model, numbered_data(), batch_size=20, optim_config={"learning_rate": 1.0}, num_epochs=4, verbose=False
    )
    solver.train()
    assert solver.val_acc_history == [0.1, 0.9, 0.9, 0.2] and solver.best_val_acc == 0.9
    assert model.params["w"].tolist() == [-2, -2, -2]
    assert model.bn_params[0]["running_mean"].tolist() == [2]


@pytest.mark.parametrize("num_epochs", [0, 2])
def test_parameters_survive_when_no_check_beats_zero(num_epochs):
    model = ScriptedModel()
    solver = Solver(model, numbered_data(), num_epochs=num_epochs, batch_size=5, verbose=False)
    solver.train()
    assert solver.best_val_acc == 0
    assert model.params.keys() == solver.best_params.keys() == {"w"} and model.params["w"].tolist() == [0, 0, 0]


def test_best_weights_survive_a_rule_that_updates_in_place(monkeypatch):
    def sgd(w, dw, config):
        w -= dw
        return w, config

    monkeypatch.setattr(optim, "sgd", sgd)
    model = ScriptedModel([0, 0.9, 0, 0.1])
    solver = Solver(
        model, numbered_data(), batch_size=20, num_epochs=2, optim_config={"learning_rate": 1}, verbose=False
    )
    solver.train()
    assert model.params["w"].tolist() == [-1, -1, -1]


@pytest.mark.parametrize("name", ["np", "optim", "__name__", "", None, "sgd_momentun"])
def test_only_update_rules_are_update_rules(name):
    with pytest.raises(ValueError, match="'adam', 'rmsprop', 'sgd', 'sgd_momentum'"):
        Solver(ScriptedModel(), numbered_data(), update_rule=name)


@pytest.mark.parametrize("name", ["sgd", "sgd_momentum", "rmsprop", "adam"])
def test_update_rules_are_known_by_name(name):
    assert Solver(ScriptedModel(), numbered_data(), update_rule=name).update_rule is getattr(optim, name)


def test_unknown_options_are_named():
    with pytest.raises(ValueError, match="no option 'batchsize', 'epochs'; its options are 'batch_size'"):
        Solver(ScriptedModel(), numbered_data(), epochs=3, batchsize=2)


def test_each_parameter_has_its_own_copy_of_the_config():
    model = FullyConnectedNet([3], 2, 3)
    config = {"learning_rate": 0.1, "schedule": [1, 2]}
    solver = Solver(model, blobs(), optim_config=config, lr_decay=0.5, num_epochs=2, batch_size=30, verbose=False)
    assert solver.optim_configs.keys() == model.params.keys()
    assert len({id(c["schedule"]) for c in solver.optim_configs.values()} | {id(config["schedule"])}) == 5
    before = copy.deepcopy(config)
    solver.train()
    assert config == before
    assert [c["learning_rate"] for c in solver.optim_configs.values()] == [0.025] * 4


def test_minibatches_are_the_global_stream_with_replacement():
    model = ScriptedModel()
    np.random.seed(5)
    Solver(model, numbered_data(), batch_size=6, num_epochs=2, verbose=False).train()
    np.random.seed(5)
    assert model.batches == [np.random.choice(20, 6).tolist() for _ in range(6)]


def test_seeded_dropout_does_not_repeat_minibatches():
    np.random.seed(0)
    data = numbered_data(200)
    data["y_train"], data["y_val"] = data["y_train"] % 2, data["y_val"] % 2
    model = FullyConnectedNet([4], 1, 2, dropout_keep_ratio=0.5, seed=1)
    batches, plain_loss = [], model.loss

    def loss(X, y=None):
        if y is not None:
            batches.append(tuple(X[:, 0]))
        return plain_loss(X, y)

    model.loss = loss
    Solver(model, data, batch_size=10, num_epochs=2, verbose=False).train()
    assert len(set(batches)) == len(batches) == 40


def test_accuracy_is_the_fraction_right_over_all_batches_or_a_draw():
    data = blobs()
    model = FullyConnectedNet([5], 2, 3, dtype=np.float64)
    solver = Solver(model, data, verbose=False)
    X, y = data["X_train"], data["y_train"]
    expected = np.mean(model.loss(X).argmax(axis=1) == y)
    assert solver.check_accuracy(X, y) == solver.check_accuracy(X, y, batch_size=7) == expected
    np.random.seed(3)
    drawn = solver.check_accuracy(X, y, num_samples=20)
    np.random.seed(3)
    chosen = np.random.choice(30, 20)
    assert drawn == solver.check_accuracy(X[chosen], y[chosen])


def test_a_float64_learning_rate_leaves_a_float32_model_float32():
    model = ScriptedModel(dtype=np.float32)
    config = {"learning_rate": np.float64(0.1)}
    solver = Solver(model, numbered_data(), optim_config=config, num_epochs=1, batch_size=10, verbose=False)
    solver._step()
    assert model.params["w"].dtype == np.float32


def test_it_prints_losses_and_accuracies(capsys):
    model = ScriptedModel([0.5, 0.1, 0.25, 0.3])
    Solver(model, numbered_data(), batch_size=10, num_epochs=1, print_every=1).train()
    assert capsys.readouterr().out.splitlines() == [
        "(Iteration 1 / 2) loss: 0.500000",
        "(Epoch 0 / 1) train acc: 0.500000; val_acc: 0.100000",
        "(Iteration 2 / 2) loss: 0.500000",
        "(Epoch 1 / 1) train acc: 0.250000; val_acc: 0.300000",
    ]


def test_checkpoints_are_whole_and_named_by_epoch(tmp_path, capsys):
    model = ScriptedModel()
    Solver(model, numbered_data(), batch_size=10, num_epochs=1, checkpoint_name=str(tmp_path / "run")).train()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run_epoch_0.pkl", "run_epoch_1.pkl"]
    checkpoint = pickle.loads((tmp_path / "run_epoch_1.pkl").read_bytes())
    assert set(checkpoint) == {
        *("model", "update_rule", "lr_decay", "optim_config", "batch_size", "num_train_samples", "num_val_samples"),
        *("epoch", "loss_history", "train_acc_history", "val_acc_history"),
    }
    assert checkpoint["epoch"] == 1 and checkpoint["update_rule"] == "sgd" and len(checkpoint["val_acc_history"]) == 2
    assert re.search(r'Saving checkpoint to ".*run_epoch_0\.pkl"', capsys.readouterr().out)
