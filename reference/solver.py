"""The training loop: stochastic gradient descent on minibatches, with validation, checkpoints and a history to plot."""

import copy
import os
import pickle

import numpy as np

from . import optim

# The names that `Solver` accepts as update_rule; an update rule of your own in optim.py needs its name here.
UPDATE_RULES = ("sgd", "sgd_momentum", "rmsprop", "adam")

DEFAULTS = {
    "update_rule": "sgd",
    "optim_config": {},
    "lr_decay": 1.0,
    "batch_size": 100,
    "num_epochs": 10,
    "num_train_samples": 1000,
    "num_val_samples": None,
    "checkpoint_name": None,
    "print_every": 10,
    "verbose": True,
    "progress": False,
}
# Seconds that a training takes before its progress bar appears: a bar that is gone at once only flickers.
BAR_DELAY = 3


class Solver:
    """Train a model on labelled data, and keep the parameters that did best on the validation data.

    The model has `params`, a dict from name to array, and `loss`: loss(X) -> scores (N, C), in test mode, and
    loss(X, y) -> (loss, grads), grads keyed like params. A model with batch normalization also has `bn_params`, the
    list of dicts that hold its running statistics.

        solver = Solver(model, data, update_rule="adam", optim_config={"learning_rate": 1e-3}, num_epochs=4)
        solver.train()

    After `train`, the model holds the parameters and running statistics of the check with the best validation accuracy,
    the earliest one on a tie: its training accuracy is that of this check, not the last entry of train_acc_history.
    Read loss_history (one entry an iteration), train_acc_history and val_acc_history (one entry a check: after the
    first iteration, at each epoch's end and after the last iteration), best_val_acc, best_params and best_bn_params.
    """

    def __init__(self, model, data, **kwargs):
        """Prepare to train `model` on data["X_train"], data["y_train"], validating on data["X_val"], data["y_val"].

        update_rule         'sgd', 'sgd_momentum', 'rmsprop' or 'adam', of optim.py; default 'sgd'
        optim_config        the rule's hyperparameters, a dict, copied for each parameter; default {}
        lr_decay            factor on the learning rate at each epoch's end; default 1.0
        batch_size          samples in a minibatch, drawn with replacement, so an epoch is as many draws as there are
                            samples but not a pass over them all; default 100
        num_epochs          default 10
        num_train_samples   training samples that an accuracy check draws, None for all; default 1000. The draw takes
                            from the random stream of the minibatches
        num_val_samples     validation samples that it draws, None for all; default None
        checkpoint_name     write <name>_epoch_<n>.pkl at each check; default None, no checkpoints
        print_every         iterations between two printed losses; default 10
        verbose             print progress; default True
        progress            show a progress bar, with the latest accuracies, while a training takes more than some
                            seconds; needs tqdm, without which there is no bar; default False

        Raises ValueError on an unknown option or update rule.
        """
        unknown = kwargs.keys() - DEFAULTS.keys()
        if unknown:
            raise ValueError(f"Solver has no option {_names(unknown)}; its options are {_names(DEFAULTS)}")
        self.model = model
        self.X_train, self.y_train = data["X_train"], data["y_train"]
        self.X_val, self.y_val = data["X_val"], data["y_val"]
        for name, default in DEFAULTS.items():
            setattr(self, name, kwargs.get(name, default))
        if self.update_rule not in UPDATE_RULES:
            raise ValueError(f"there is no update rule {self.update_rule!r}; choose from {_names(UPDATE_RULES)}")
        self.update_rule = getattr(optim, self.update_rule)
        self._reset()

    def _reset(self):
        """Forget all progress but the model's parameters."""
        self.epoch = 0
        self.best_val_acc = 0
        self.loss_history = []
        self.train_acc_history = []
        self.val_acc_history = []
        self.optim_configs = {name: copy.deepcopy(self.optim_config) for name in self.model.params}
        # until a check does better than 0, the best known parameters are the initial ones
        self._keep_best()

    def _keep_best(self):
        """Remember the model as it is: its parameters, and the running statistics that belong to them."""
        self.best_params = {name: w.copy() for name, w in self.model.params.items()}
        self.best_bn_params = copy.deepcopy(getattr(self.model, "bn_params", None))

    def _restore_best(self):
        """Put the best parameters and their running statistics into the model."""
        self.model.params = self.best_params
        if self.best_bn_params is not None:
            self.model.bn_params = self.best_bn_params

    def _step(self):
        """Make one update of every parameter on a random minibatch."""
        batch = np.random.choice(self.X_train.shape[0], self.batch_size)
        loss, grads = self.model.loss(self.X_train[batch], self.y_train[batch])
        self.loss_history.append(loss)
        for name, w in self.model.params.items():
            next_w, self.optim_configs[name] = self.update_rule(w, grads[name], self.optim_configs[name])
            # a learning rate that is an np.float64 would promote a float32 model
            self.model.params[name] = next_w.astype(w.dtype, copy=False)

    def _save_checkpoint(self):
        """Write the state of training to <checkpoint_name>_epoch_<epoch>.pkl, aside first: it is never half a file."""
        if self.checkpoint_name is None:
            return
        keys = ["model", "lr_decay", "optim_config", "batch_size", "num_train_samples", "num_val_samples", "epoch"]
        keys += ["loss_history", "train_acc_history", "val_acc_history"]
        checkpoint = {key: getattr(self, key) for key in keys}
        checkpoint["update_rule"] = self.update_rule.__name__
        filename = f"{self.checkpoint_name}_epoch_{self.epoch}.pkl"
        if self.verbose:
            print(f'Saving checkpoint to "{filename}"')
        with open(filename + ".part", "wb") as file:
            pickle.dump(checkpoint, file)
        os.replace(filename + ".part", filename)

    def check_accuracy(self, X, y, num_samples=None, batch_size=100):
        """Return the fraction of samples of X that the model labels as y does.

        Shapes: X (N, d_1, ..., d_k), y (N,). num_samples draws that many of them with replacement if N is larger; None
        takes all. batch_size samples go through the model at a time, to bound memory.
        """
        N = X.shape[0]
        if num_samples is not None and num_samples < N:
            chosen = np.random.choice(N, num_samples)
            X, y = X[chosen], y[chosen]
        starts = range(0, X.shape[0], batch_size)
        y_pred = np.concatenate([self.model.loss(X[start : start + batch_size]).argmax(axis=1) for start in starts])
        return np.mean(y_pred == y)

    def _check(self):
        """Record training and validation accuracy, write a checkpoint, and keep the model if it is the best so far."""
        self.train_acc_history.append(self.check_accuracy(self.X_train, self.y_train, self.num_train_samples))
        self.val_acc_history.append(self.check_accuracy(self.X_val, self.y_val, self.num_val_samples))
        self._save_checkpoint()
        train_acc, val_acc = self.train_acc_history[-1], self.val_acc_history[-1]
        if self.verbose:
            print(f"(Epoch {self.epoch} / {self.num_epochs}) train acc: {train_acc:f}; val_acc: {val_acc:f}")
        if val_acc > self.best_val_acc:
            self.best_val_acc = val_acc
            self._keep_best()

    def _bar(self, num_iterations):
        """Return the iterations to make, to loop over; with a progress bar if one is asked for and tqdm is there."""
        if self.progress:
            try:
                from .progress import make_bar

                return make_bar(range(num_iterations), desc="Training", unit="it", leave=False, delay=BAR_DELAY)
            except ImportError:
                pass
        return range(num_iterations)

    def train(self):
        """Train for num_epochs epochs, then put the best parameters into the model."""
        iterations_per_epoch = max(self.X_train.shape[0] // self.batch_size, 1)
        num_iterations = self.num_epochs * iterations_per_epoch
        bar = self._bar(num_iterations)
        for t in bar:
            self._step()
            if self.verbose and t % self.print_every == 0:
                print(f"(Iteration {t + 1} / {num_iterations}) loss: {self.loss_history[-1]:f}")
            epoch_end = (t + 1) % iterations_per_epoch == 0
            if epoch_end:
                self.epoch += 1
                for config in self.optim_configs.values():
                    config["learning_rate"] *= self.lr_decay
            if t == 0 or epoch_end or t == num_iterations - 1:
                self._check()
                if hasattr(bar, "set_postfix"):
                    # drawn with the next step, and so not at all before the delay is over
                    train_acc, val_acc = self.train_acc_history[-1], self.val_acc_history[-1]
                    bar.set_postfix(epoch=self.epoch, train=train_acc, val=val_acc, refresh=False)
        self._restore_best()


def _names(names):
    """Join names for an error message."""
    return ", ".join(repr(name) for name in sorted(names))
