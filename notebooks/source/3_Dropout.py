# %% [markdown] tags=["pdf-title"]
# # Dropout
#
# A network with more weights than it needs learns its training images by heart. Dropout (Srivastava et al. 2014) makes
# that hard by switching off a random part of the units in every step of training. No unit can rely on any other being
# there, so each has to learn something that is useful by itself.
#
# **You learn** how to write dropout so that nothing needs to change at test time; why its expectation matters; how to
# check the gradient of something random; and how to measure whether a regularizer does its work, with more care than a
# single run allows.
#
# **You write** `dropout_forward` and `dropout_backward` in `student/layers.py`, and let `FullyConnectedNet` in
# `student/classifiers/fc_net.py` use them. There are two inline questions.
#
# **Time**: about one hour and a half; all cells together run in about two minutes.
#
# **You hand in** this notebook, executed from top to bottom, and the files you edited.

# %% tags=["pdf-ignore"]
# On Google Colab: brings your Drive and the project's folder here, and installs what Colab lacks: 90 MB, half a minute.
# Colab's own NumPy and PyTorch stay, so no restart is needed. Anywhere else this cell does nothing.
import importlib
import os
import sys

if "google.colab" in sys.modules:
    from google.colab import drive

    sys.modules.setdefault("imp", importlib)  # gone from Python 3.12, but Colab's %autoreload takes reload from it
    drive.mount("/content/drive")
    FOLDERNAME = "chainrule"  # where in your Drive the project lies
    os.chdir(f"/content/drive/MyDrive/{FOLDERNAME}")
    # !pip install --quiet --no-deps -r colab.txt

# %% tags=["parameters"]
# True makes every experiment small enough to try the notebook in seconds; hand in the notebook run with False.
quick = False

# %% tags=["pdf-ignore"]
# %load_ext autoreload
# %autoreload 2
import sys
from pathlib import Path

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "assignment.toml").is_file())
sys.path.insert(0, str(root))

import matplotlib.pyplot as plt
import numpy as np

from grader.otter_adapter import Checks
from student.classifiers.fc_net import *
from student.data_utils import get_CIFAR10_data
from student.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from student.progress import make_bar
from student.solver import Solver
from student.vis_utils import plot_histories, plot_sweep, use_style

use_style()
grader = Checks()


def rel_error(got, expected):
    """The largest difference between two arrays, in units of the largest entry expected."""
    return np.max(np.abs(got - expected)) / max(np.max(np.abs(expected)), np.finfo(float).tiny)

# %% tags=["pdf-ignore"]
data = get_CIFAR10_data(num_training=5000 if quick else 49000)
for name, array in data.items():
    if isinstance(array, np.ndarray):
        print(f"{name:8} {array.shape} {array.dtype}")

# %% [markdown]
# ## 1 Dropout, forward
#
# In training, each unit is kept with the **keep probability** $p$ and set to 0 otherwise, each by a coin of its own,
# tossed anew in each step. With a mask $r$ of independent zeros and ones, $P(r = 1) = p$,
#
# $$ \mathrm{out} = \frac{r \, x}{p} \quad \text{in training}, \qquad \mathrm{out} = x \quad \text{in testing}. $$
#
# In testing all units take part: a prediction should not depend on a coin. There are two ways to look at what this
# does.
#
# - *An ensemble.* A mask selects one of $2^{D}$ thinned networks, which share their weights. Each step trains one of
#   them, and the full network at test time acts like an average over all.
# - *Noise.* The layer multiplies its input by noise of mean 1 and variance $(1 - p)/p$. What the layers above learn
#   must survive that noise, so it cannot depend on a delicate conspiracy of many units.
#
# The form above, with the division in training, is called *inverted* dropout. Papers and libraries don't agree on the
# letter: here $p$ is the probability to **keep** a unit; in PyTorch's `nn.Dropout(p)` it is the probability to drop
# it.
#
# **Write** `dropout_forward` in `student/layers.py`, both branches. Draw the mask as the docstring says, so that a
# seed gives the same mask to everybody.
#
# The next cell applies your layer to numbers with mean 10. The mean of the output should be close to 10 in training
# and in testing whatever $p$ is, and the share of zeros about $1 - p$ in training and 0 in testing.

# %%
np.random.seed(231)
x = np.random.randn(500, 500) + 10
keep_ratios = (0.25, 0.4, 0.7)

outputs = {}
print(f"mean of the input {x.mean():.3f}\n")
print("keep probability     mean of the output     share of zeros")
print("                     training   testing     training   testing")
for p in keep_ratios:
    outputs[p] = [dropout_forward(x, {"mode": mode, "p": p})[0] for mode in ("train", "test")]
    means, zeros = [out.mean() for out in outputs[p]], [np.mean(out == 0) for out in outputs[p]]
    print(f"{p:16.2f}{means[0]:13.3f}{means[1]:10.3f}{zeros[0]:13.3f}{zeros[1]:10.3f}")

# %% tags=["proof"]
for p, (train_out, test_out) in outputs.items():
    assert abs(train_out.mean() - 10) < 0.2, f"with p = {p} the mean in training is {train_out.mean()}"
    assert abs(np.mean(train_out == 0) - (1 - p)) < 0.01, f"with p = {p} a share {np.mean(train_out == 0)} is dropped"
    assert np.array_equal(test_out, x), "dropout changes its input in testing"

# %% [markdown]
# Means are not the whole story. Here are histograms of the same outputs, without the zeros. The kept units are larger
# by the factor $1/p$, so the fewer are kept, the farther they lie from the 10 that testing has. The *sum* over many
# units is right on average, and that is what the next affine layer sees.

# %% tags=["figure"]
fig, ax = plt.subplots(figsize=(5.7, 2.6))
ax.hist(x.ravel(), bins=60, histtype="step", linewidth=1.6, color="k", label="testing, any p")
for i, (p, (train_out, _)) in enumerate(outputs.items()):
    kept = train_out[train_out != 0]
    ax.hist(kept, bins=60, histtype="stepfilled", alpha=0.6, color=f"C{i}", label=f"training, p = {p}")
ax.set(xlabel="output of a unit that is kept", ylabel="number of units")
ax.legend()
plt.show()

# %%
grader.check("q3_dropout_forward")

# %% [markdown]
# ## 2 Dropout, backward
#
# For a given mask the layer multiplies each entry by a constant, $r/p$. So the gradient is multiplied by the *same*
# constant: what had no influence on the output gets no gradient. The mask must therefore travel in the cache; a new
# one would be another function's gradient.
#
# **Write** the branch for training of `dropout_backward`.
#
# A centred difference calls the forward pass again and again. For the comparison to make sense the mask must be the
# same each time, which is what the `seed` in `dropout_param` is for. Expect an error of about $10^{-10}$ or less.

# %%
np.random.seed(231)
x, dout = np.random.randn(10, 10) + 10, np.random.randn(10, 10)
dropout_param = {"mode": "train", "p": 0.2, "seed": 123}

out, cache = dropout_forward(x, dropout_param)
dx = dropout_backward(dout, cache)
dx_num = eval_numerical_gradient_array(lambda v: dropout_forward(v, dropout_param)[0], x.copy(), dout)
print(f"dx error: {rel_error(dx, dx_num):.1e}")
print(f"share of dx that is 0: {np.mean(dx == 0):.2f}, of out: {np.mean(out == 0):.2f}")

# %% tags=["proof"]
assert rel_error(dx, dx_num) < 1e-9, "the gradient of dropout is not that of its forward pass"

# %%
grader.check("q3_dropout_backward")

# %% [markdown] tags=["inline-question"] question="dropout-scale" points=2
# ### Inline question 1
#
# Suppose `dropout_forward` did not divide by $p$ in training, and were the identity in testing as before. What would
# go wrong, and where in the network? Use expectations. Then name a second place where one could put the factor, and
# say why we prefer the first.

# %% [markdown] tags=["inline-answer"] question="dropout-scale"
# <!-- BEGIN SOLUTION -->
# **Model answer.** Let $x$ be the activation of a unit. Without the division its expected output in training is
# $E[r x] = p x$, while in testing it is $x$: larger by the factor $1/p$, for each unit of the layer. The next affine
# layer computes $\sum_d w_d x_d + b$; its weights were fitted to inputs of the smaller scale, so at test time its sum
# is larger by $1/p$ on average while its bias is not. With dropout in each of several layers the factors multiply
# (apart from biases), up to $p^{-(L-1)}$ at the scores. The network is tested on activations that it never met in
# training: scores are too large, so it is over-confident, and since biases keep their size predictions change too. The
# more units are dropped, the worse.
#
# Dividing by $p$ in training gives $E[r x / p] = x$ in both modes. One could as well multiply by $p$ in testing (as
# the original paper does by scaling the weights): the expectations agree too. We prefer to divide in training, because
# testing then is the plain network: its code needs no change and no knowledge of $p$, it is as fast as it can be, and
# dropout can be added, removed or given another $p$ without touching the model that is deployed.
#
# **Rubric** (2 points). 1 point: the expectation in training is $p$ times that in testing, so the next layer gets
# inputs of another scale in testing. Half a point without the expectation ("values would be off"). 0.5 points: the
# alternative, multiplying by $p$ in testing. 0.5 points: a reason for the first: test-time code unchanged, or faster.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 3 A network with dropout
#
# **Write**: let `FullyConnectedNet` use dropout. When `self.use_dropout` is true, each hidden layer becomes
#
# $$ \text{affine} \;\to\; [\text{normalization}] \;\to\; \text{ReLU} \;\to\; \text{dropout}, $$
#
# with the one dictionary `self.dropout_param` for all layers; `loss` sets its mode. The last affine layer has no
# dropout after it, since nobody wants to delete class scores. With `dropout_keep_ratio=1` there is no dropout at all,
# and nothing may change.
#
# The check compares all gradients with centred differences for three keep ratios. Expect errors of about $10^{-6}$ or
# less, and a first loss near $\log 10 \approx 2.3$ for each: dropout adds noise to it, but no shift.

# %%
np.random.seed(231)
N, D, H1, H2, C = 2, 15, 20, 30, 10
X, y = np.random.randn(N, D), np.random.randint(C, size=N)

first_losses, errors = {}, {}
for ratio in (1, 0.75, 0.5):
    options = {"input_dim": D, "num_classes": C, "weight_scale": 5e-2, "dtype": np.float64}
    model = FullyConnectedNet([H1, H2], dropout_keep_ratio=ratio, seed=123, **options)
    first_losses[ratio], grads = model.loss(X, y)
    print(f"keep ratio {ratio}: first loss {first_losses[ratio]:.4f}")
    for name in sorted(grads):
        numeric = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
        errors[ratio, name] = rel_error(grads[name], numeric)
        print(f"  {name} error: {errors[ratio, name]:.1e}")

# %% tags=["proof"]
assert all(abs(loss - np.log(C)) < 0.05 for loss in first_losses.values()), f"first losses {first_losses}"
assert max(errors.values()) < 1e-5, f"the largest error of a gradient is {max(errors.values())}"

# %%
grader.check("q3_fully_connected_net_loss")

# %% [markdown]
# ## 4 Does it regularize?
#
# The experiment: a network with 500 hidden units, that is with 1.5 million weights, and only 500 images to learn from.
# Overfitting is certain. Train it once without dropout and once with a keep ratio of 0.25, from the same initial
# weights.
#
# Expect the network without dropout to know nearly all of its training images after a few epochs, and the other one to
# take longer and to end lower. Both accuracies are measured in test mode, with all units present. The interesting
# number is the **gap** between training and validation accuracy. Don't expect wonders on validation: 500 images don't
# say enough about ten classes, with dropout or without.

# %% tags=["figure"]
num_train = 500
small = data | {name: data[name][:num_train] for name in ("X_train", "y_train")}


def train(keep_ratio, seed=231, **options):
    """Trains the network on 500 images with a keep ratio and returns the solver."""
    np.random.seed(seed)
    model = FullyConnectedNet([500], dropout_keep_ratio=keep_ratio)
    options = {"num_epochs": 12 if quick else 25, "batch_size": 100, "verbose": False, "progress": True} | options
    solver = Solver(model, small, update_rule="adam", optim_config={"learning_rate": 5e-4}, **options)
    solver.train()
    return solver


solvers = {"no dropout": train(1), "keep ratio 0.25": train(0.25)}
plot_histories(solvers, loss=False)

# %%
for label, solver in solvers.items():
    train_acc, val_acc = np.mean(solver.train_acc_history[-5:]), np.mean(solver.val_acc_history[-5:])
    gap = train_acc - val_acc
    print(f"{label:16} last five epochs: training {train_acc:.1%}, validation {val_acc:.1%}, gap {gap:.1%}")

# %% [markdown]
# ### Is it luck?
#
# One run with and one without is an anecdote: another seed gives other initial weights, other minibatches and other
# masks. So repeat the training for several seeds, and for more keep ratios. The curves show the mean over the seeds,
# each averaged over its last five epochs; the bars are twice the standard error of that mean. If two means differ by
# less than their bars, the data don't tell which is better. To the left, with a small keep ratio, hardly any unit
# takes part in a step; to the right there is no dropout.

# %% tags=["figure"]
ratios = [0.25, 1.0] if quick else [0.1, 0.25, 0.5, 1.0]
seeds = range(1 if quick else 4)
final = {"training": [], "validation": []}
for ratio in make_bar(ratios, desc="keep ratios"):
    # to check fewer images each time is faster, and five checks make up for it
    results = [train(ratio, seed, num_train_samples=250, num_val_samples=250, progress=False) for seed in seeds]
    final["training"].append([np.mean(solver.train_acc_history[-5:]) for solver in results])
    final["validation"].append([np.mean(solver.val_acc_history[-5:]) for solver in results])

final["gap"] = np.subtract(final["training"], final["validation"])
means = {label: np.mean(values, axis=1) for label, values in final.items()}
fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.2))
for ax, ylabel, labels in zip(axes, ("accuracy", "validation accuracy"), (("training", "gap"), ("validation",))):
    plot_sweep(ratios, {name: means[name] for name in labels}, "keep ratio", ylabel, logx=False, percent=True, ax=ax)
    for label in labels:
        error = 2 * np.std(final[label], axis=1) / np.sqrt(max(len(seeds) - 1, 1))
        ax.errorbar(ratios, means[label], error, fmt="none", ecolor="0.4", elinewidth=1, capsize=3)
plt.show()

# %% tags=["proof"]
gaps = dict(zip(ratios, means["gap"]))
print({label: dict(zip(ratios, np.round(values, 3).tolist())) for label, values in means.items()})
assert gaps[0.25] < gaps[1.0], f"dropout does not narrow the gap: {gaps}"

# %% [markdown] tags=["inline-question"] question="dropout-curves" points=2
# ### Inline question 2
#
# Compare training and validation accuracy with and without dropout. What do the results say about dropout as a
# regularizer, and how sure can you be of it?

# %% [markdown] tags=["inline-answer"] question="dropout-curves"
# <!-- BEGIN SOLUTION -->
# **Model answer.** Without dropout the training accuracy rises to almost 100 % within ten epochs while the validation
# accuracy stops early at a low value: the network knows its 500 images by heart. With a keep ratio of 0.25 the
# training accuracy rises more slowly and ends lower, and the validation accuracy is the same or a few points higher.
# So the gap between them is smaller: dropout trades fit on the training set for less overfitting, which is what a
# regularizer does.
#
# How sure: that training accuracy falls and the gap narrows shows in each run and is many standard errors wide. The
# gain in validation accuracy is small, one to three points; with 1,000 validation images one run has a standard error
# of more than a point, so a single pair of runs proves little about it, and only the means over several seeds do, if
# their bars don't overlap. Nor does the experiment say that a keep ratio of 0.25 is best; with so few images no
# regularizer replaces more data.
#
# **Rubric** (2 points). 0.5 points: training accuracy is lower (or rises more slowly) with dropout. 0.5 points:
# validation accuracy is equal or slightly higher, so the gap is narrower. 0.5 points: conclusion: dropout regularizes,
# it reduces overfitting. 0.5 points: honest about the size: the effect on validation is small, from few images or few
# runs. No claim of a large gain.
# <!-- END SOLUTION -->
