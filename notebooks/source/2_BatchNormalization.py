# %% [markdown] tags=["pdf-title"]
# # Batch and layer normalization
#
# Deep networks train when the numbers inside them stay in a sensible range. In this notebook you make a layer whose
# only job is to keep them there, find its gradient in two ways, and measure what it buys.
#
# **You learn** why a network cares about the scale of its activations; how a layer can normalize over a batch and what
# it must do instead when there is no batch; how to backpropagate through a node that feeds several others; how to turn
# a long backward pass into one line; and when normalizing each sample by itself is the better choice.
#
# **You write** `batchnorm_forward`, `batchnorm_backward`, `batchnorm_backward_alt`, `layernorm_forward` and
# `layernorm_backward` in `student/layers.py`, and let `FullyConnectedNet` in `student/classifiers/fc_net.py` use them.
# There are four inline questions.
#
# **Time**: about four hours of thinking and writing; all cells together run in two to three minutes.
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
import time
from pathlib import Path

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "assignment.toml").is_file())
sys.path.insert(0, str(root))

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image

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


def print_statistics(title, x, axis):
    """Prints mean and standard deviation of x along an axis; along 0 there is one pair for each feature."""
    print(title)
    for name, values in ("mean", x.mean(axis=axis)), ("std", x.std(axis=axis)):
        print(f"  {name:5}", np.array2string(np.round(values, 4) + 0.0, precision=4, floatmode="fixed"))


# %% tags=["pdf-ignore"]
data = get_CIFAR10_data(num_training=5000 if quick else 49000)
for name, array in data.items():
    if isinstance(array, np.ndarray):
        print(f"{name:8} {array.shape} {array.dtype}")

# %% [markdown]
# ## 1 Why normalize inside a network
#
# You would never feed a network inputs of mean 10,000 in one feature and 0.001 in another: before training, inputs are
# shifted to mean 0 and scaled to variance 1, because then one learning rate suits all weights. But only the *first*
# layer sees that. The inputs of layer 5 are what layers 1 to 4 make of the images, and two things go wrong with them.
#
# **Scales multiply.** If each layer makes its input larger by a factor $c$ on average, $L$ layers make it $c^L$ times
# larger, and the gradient on the way back grows or shrinks in the same way. With $c = 0.3$ and $L = 8$ the last layer
# sees $0.00007$ of the signal; with $c = 3$ it sees $6{,}561$ times the signal. In both cases gradient descent has
# nothing useful to work with. Choosing the initial weights so that $c \approx 1$ helps, but holds at the start only.
#
# **The ground moves.** Each step changes all layers at once. When layer 1 changes, the inputs of layer 2 get another
# distribution, and what layer 2 learned about the old one is partly wasted. Ioffe and Szegedy called this *internal
# covariate shift*.
#
# **Batch normalization** (Ioffe & Szegedy 2015) takes the remedy for inputs and puts it inside: a layer that gives each
# feature mean 0 and variance 1, computed from the current minibatch and *differentiated through*, so that gradient
# descent knows about it. Forcing every feature to mean 0 and variance 1 may be too much of a good thing (a ReLU would
# then always cut off about half of its inputs), so the layer ends with a scale $\gamma$ and a shift $\beta$ for each
# feature, which are learned like any weight. The network can even undo the normalization, if that is what lowers the
# loss; the point is that scale and shift are now set by two parameters *directly* instead of by the interplay of all
# layers below.
#
# Why it works so well is still debated. Santurkar et al. (2018) added noise on purpose so that the distributions
# shifted even more, and networks with batch normalization trained fast all the same; they argue that the loss surface
# becomes smoother. Keep this in mind when you explain the experiments below: trust what you can see in the plots.

# %% [markdown]
# ## 2 Batch normalization, forward
#
# Let the minibatch be $x$ of shape $(N, D)$: $N$ samples in rows, $D$ features in columns. In training, for each
# feature $j$ by itself,
#
# $$
# \begin{aligned}
# \mu_j &= \frac{1}{N} \sum_{i=0}^{N-1} x_{ij} \\
# \sigma_j^2 &= \frac{1}{N} \sum_{i=0}^{N-1} (x_{ij} - \mu_j)^2 \\
# \hat{x}_{ij} &= \frac{x_{ij} - \mu_j}{\sqrt{\sigma_j^2 + \varepsilon}} \\
# \mathrm{out}_{ij} &= \gamma_j \hat{x}_{ij} + \beta_j
# \end{aligned}
# $$
#
# Indices start at 0 throughout, as in NumPy. The variance is the *biased* one, over $N$ and not $N - 1$. The small
# $\varepsilon$ keeps a constant feature from dividing by zero; it stands inside the root.
#
# Now the catch: an output depends on the *other samples* of the batch. That is fine in training, where batches are
# random, but a trained network must give one answer for one image, whatever else is in the batch, and even alone. So
# during training the layer also keeps running averages of what it saw, with a momentum $m$ near 1,
#
# $$ r \leftarrow m \, r + (1 - m) \, s \qquad \text{for } s = \mu \text{ and for } s = \sigma^2, $$
#
# and in test mode it uses these in place of $\mu$ and $\sigma^2$. The state lives in the dictionary `bn_param` that the
# caller hands in: write the running averages back into it on each call.
#
# **Write** `batchnorm_forward` in `student/layers.py`: first the branch of `train` mode, then that of `test` mode.
# NumPy's broadcasting does all features at once; you need no loop.
#
# The next cell sends random data through three layers of a random network and looks at the features that come out.
# Before normalization their means and deviations are large and all different. With $\gamma = 1$ and $\beta = 0$ you
# should then see means of 0 and deviations of 1, and with other values the deviations should be exactly $\gamma$ and
# the means $\beta$.

# %%
np.random.seed(231)
N, D1, D2, D3 = 200, 50, 60, 3
X, W1, W2 = np.random.randn(N, D1), np.random.randn(D1, D2), np.random.randn(D2, D3)
a = np.maximum(0, X @ W1) @ W2

print_statistics("Before batch normalization", a, axis=0)
out, _ = batchnorm_forward(a, np.ones(D3), np.zeros(D3), {"mode": "train"})
print_statistics("After it, with gamma = [1 1 1] and beta = [0 0 0]", out, axis=0)
gamma, beta = np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0])
out, _ = batchnorm_forward(a, gamma, beta, {"mode": "train"})
print_statistics("After it, with gamma = [1 2 3] and beta = [11 12 13]", out, axis=0)

# %% tags=["proof"]
assert np.allclose(out.mean(axis=0), beta), f"means {out.mean(axis=0)} instead of beta = {beta}"
assert np.allclose(out.std(axis=0), gamma, rtol=1e-4), f"deviations {out.std(axis=0)} instead of gamma = {gamma}"

# %% [markdown]
# ### The running averages
#
# The averages start at 0, so after $t$ training passes they have reached only a part $1 - m^t$ of the true statistics:
# with the default $m = 0.9$ that is 10 % after one pass, 65 % after ten, and 99.5 % after fifty. The next cell makes
# fifty passes and then a test pass on fresh data. Expect means near 0 and deviations near 1, but not exactly: the
# averages describe *all* batches, not this one. With a wrong momentum (weights swapped, say) they would be far off or
# noisy.

# %%
np.random.seed(231)
W1, W2 = np.random.randn(D1, D2), np.random.randn(D2, D3)
bn_param, gamma, beta = {"mode": "train"}, np.ones(D3), np.zeros(D3)
for _ in range(50):
    a = np.maximum(0, np.random.randn(N, D1) @ W1) @ W2
    batchnorm_forward(a, gamma, beta, bn_param)

bn_param["mode"] = "test"
a = np.maximum(0, np.random.randn(N, D1) @ W1) @ W2
out, _ = batchnorm_forward(a, gamma, beta, bn_param)
print_statistics("After batch normalization in test mode", out, axis=0)

# %% tags=["proof"]
assert np.all(np.abs(out.mean(axis=0)) < 0.25), f"test-time means {out.mean(axis=0)} are not near 0"
assert np.all(np.abs(out.std(axis=0) - 1) < 0.25), f"test-time deviations {out.std(axis=0)} are not near 1"

# %% [markdown]
# **What PyTorch does instead.** Its `nn.BatchNorm1d` starts `running_var` at 1, not at 0, and averages the *unbiased*
# variance, over $N - 1$. (It also gives the weight of the *new* value, 0.1, the name `momentum`.) After $t$ passes on
# batches of variance $\sigma^2$ the two hold, on average and up to $1/N$,
#
# $$ r_{\text{here}} = (1 - m^t) \, \sigma^2, \qquad
# r_{\text{PyTorch}} = m^t + (1 - m^t) \, \sigma^2 \tfrac{N}{N - 1}. $$
#
# Here $r$ is too small at first, so outputs in test mode are too large, by $1/\sqrt{1 - m^t}$: 3.2 times after one
# pass. There it is pulled towards 1, so they are too large where features vary much, and too small where they vary
# little. Either way a test within the first twenty passes says little, and after fifty the start is forgotten. The
# variance over $N - 1$ matters for small batches: with $N = 5$ PyTorch's is a quarter larger, and so its outputs in
# test mode are a tenth smaller than in training. The cell shows the deviation of test outputs as your layer warms up.

# %%
np.random.seed(231)
shown, ratios = (1, 2, 5, 10, 20, 50), {}
bn_param = {"mode": "train"}
for t in range(1, max(shown) + 1):
    batchnorm_forward(5 * np.random.randn(N, D3), gamma, beta, bn_param)
    if t in shown:
        out, _ = batchnorm_forward(5 * np.random.randn(2000, D3), gamma, beta, bn_param | {"mode": "test"})
        ratios[t] = out.std()
        print(f"after {t:2} passes: deviation in test mode {ratios[t]:.2f}, by the formula {(1 - 0.9**t) ** -0.5:.2f}")

# %% tags=["proof"]
for t, ratio in ratios.items():
    assert abs(ratio * (1 - 0.9**t) ** 0.5 - 1) < 0.1, f"after {t} passes test outputs have the deviation {ratio}"

# %%
grader.check("q2_batchnorm_forward")

# %% [markdown]
# ## 3 Backward, along the computation graph
#
# To differentiate a long formula, don't: break it into steps so small that each derivative is obvious, draw who feeds
# whom, and walk back from the output. The picture shows one such graph of batch normalization in train mode. Blue is
# the forward pass; the orange labels name the gradients that you will meet on the way back, `dq` being the gradient of
# the loss with respect to `q`.

# %% tags=["figure", "pdf-ignore-input"]
Image(str(root / "notebooks" / "images" / "batchnorm_graph.png"), width=900)

# %% [markdown]
# Three rules carry you from right to left:
#
# 1. **A step multiplies.** If $q = f(p)$, then $dp = f'(p) \, dq$. For a product $q = p r$ this gives $dp = r \, dq$
#    *and* $dr = p \, dq$: both inputs get a gradient.
# 2. **Fan-out adds.** Where a value feeds two steps (marked by a dot in the picture, for `x` and `xc`), the loss
#    depends on it along both ways, and its gradient is the *sum* of what comes back along each. Forgetting one of them
#    is the classic mistake here: the shapes are right, the numbers are not.
# 3. **Broadcasting and summing are each other's backward pass.** A row of shape $(D,)$ that was broadcast to $(N, D)$
#    has fed $N$ values: by rule 2 sum its gradient over the $N$ rows. In turn a sum over rows hands its gradient to
#    each row unchanged, and a mean hands it on divided by $N$.
#
# **Write** `batchnorm_backward`, one line or two for each step of *your* forward pass. Put into the cache what you
# need. Useful habits: name the gradient after the value, and make sure that `dq` has the shape of `q`.
#
# The check compares with centred differences, $\frac{f(x + h) - f(x - h)}{2h}$ for each entry. Expect relative errors
# of about $10^{-8}$ or less. If `dgamma` and `dbeta` are right and `dx` is not, a branch is missing.

# %%
np.random.seed(231)
N, D = 4, 5
x = 5 * np.random.randn(N, D) + 12
gamma, beta, dout = np.random.randn(D), np.random.randn(D), np.random.randn(N, D)


def batchnorm_out(x, gamma, beta):
    """The output of batch normalization in train mode."""
    return batchnorm_forward(x, gamma, beta, {"mode": "train"})[0]


_, cache = batchnorm_forward(x, gamma, beta, {"mode": "train"})
dx, dgamma, dbeta = batchnorm_backward(dout, cache)
dx_num = eval_numerical_gradient_array(lambda v: batchnorm_out(v, gamma, beta), x.copy(), dout)
dgamma_num = eval_numerical_gradient_array(lambda v: batchnorm_out(x, v, beta), gamma.copy(), dout)
dbeta_num = eval_numerical_gradient_array(lambda v: batchnorm_out(x, gamma, v), beta.copy(), dout)

print("dx error:    ", rel_error(dx, dx_num))
print("dgamma error:", rel_error(dgamma, dgamma_num))
print("dbeta error: ", rel_error(dbeta, dbeta_num))

# %% tags=["proof"]
for got, numeric in (dx, dx_num), (dgamma, dgamma_num), (dbeta, dbeta_num):
    assert rel_error(got, numeric) < 1e-7, "a gradient of batch normalization is not that of the forward pass"

# %%
grader.check("q2_batchnorm_backward")

# %% [markdown]
# ## 4 Backward, in one line
#
# You have seen a long chain collapse once already: softmax followed by cross entropy has a messy Jacobian at each step,
# and yet the gradient of both together is $p - y$. Batch normalization collapses in the same way. Take paper; it is
# worth the half hour.
#
# Look at one feature, so that $x$ is a column of $N$ numbers, write $\sigma = \sqrt{\mathrm{var} + \varepsilon}$, and
# let $g_k = \partial L / \partial \hat{x}_k$ be what arrives at $\hat{x}$. Since each $x_i$ moves every $\hat{x}_k$,
#
# $$ \frac{\partial L}{\partial x_i} = \sum_{k=0}^{N-1} g_k \, \frac{\partial \hat{x}_k}{\partial x_i},
# \qquad \hat{x}_k = \frac{x_k - \mu}{\sigma}. $$
#
# 1. Find $\partial \mu / \partial x_i$. It is the same number for all $i$.
# 2. Find $\partial \sigma / \partial x_i$, by way of the variance. The terms with $\partial \mu / \partial x_i$ cancel,
#    because deviations from the mean sum to zero; what is left is short when you write it with $\hat{x}_i$.
# 3. Apply the quotient rule to $\hat{x}_k$. Don't forget the term that is there only for $k = i$.
# 4. Put it into the sum. Two sums over $k$ appear, $\sum_k g_k$ and $\sum_k g_k \hat{x}_k$, which are the same for all
#    $i$: compute them once. Then ask whether your backward pass has them already under another name.
#
# The result tells what normalization does to gradients. The output does not change when all of $x$ is shifted or
# stretched, so the gradient must not push in those two directions: whatever arrives, its part along $(1, \dots, 1)$ and
# its part along $\hat{x}$ are removed, and the rest is divided by $\sigma$. The second cell below tests that, by the
# cosines of angles: 0 means a right angle (almost, for $\hat{x}$, because of $\varepsilon$).
#
# **Write** `batchnorm_backward_alt`. It gets the same cache. Expect the same numbers up to rounding, in less time:
# there are fewer passes over the data. How much less depends on how you wrote the first one; a factor of 1 to 3 is
# usual.

# %%
np.random.seed(231)
N, D = 100, 500
x = 5 * np.random.randn(N, D) + 12
gamma, beta, dout = np.random.randn(D), np.random.randn(D), np.random.randn(N, D)
_, cache = batchnorm_forward(x, gamma, beta, {"mode": "train"})


def seconds(function, *arguments, repeat=30):
    """The shortest of several runs: the one that other programs disturbed least."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


graph, alt = batchnorm_backward(dout, cache), batchnorm_backward_alt(dout, cache)
for name, one, other in zip(("dx", "dgamma", "dbeta"), graph, alt):
    print(f"{name:6} differs by {rel_error(other, one):.1e}")
graph_time, alt_time = (seconds(f, dout, cache) for f in (batchnorm_backward, batchnorm_backward_alt))
print(f"graph {1e3 * graph_time:.2f} ms, one line {1e3 * alt_time:.2f} ms: {graph_time / alt_time:.1f} times as fast")


# %%
def largest_cosine(a, b):
    """The largest |cosine| of the angle between a column of a and that of b."""
    return np.max(np.abs((a * b).sum(axis=0)) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0))


dx, x_hat = alt[0], (x - x.mean(axis=0)) / x.std(axis=0)
print(f"between dx and (1, ..., 1): {largest_cosine(dx, np.ones_like(x)):.1e}")
print(f"between dx and x_hat:       {largest_cosine(dx, x_hat):.1e}")
print(f"between dout and x_hat:     {largest_cosine(dout, x_hat):.1e}")

# %% tags=["proof"]
assert all(rel_error(other, one) < 1e-10 for one, other in zip(graph, alt)), "the two backward passes differ"
assert alt_time < 1.1 * graph_time, f"the closed form takes {alt_time:.1e} s, the graph {graph_time:.1e} s"
assert largest_cosine(dx, np.ones_like(x)) < 1e-10, "dx has a component along (1, ..., 1)"
assert largest_cosine(dx, x_hat) < 1e-5, "dx has a component along x_hat"

# %%
grader.check("q2_batchnorm_backward_alt")

# %% [markdown]
# ## 5 A network with batch normalization
#
# Now let `FullyConnectedNet` use the layer. With `normalization="batchnorm"` each hidden layer becomes
#
# $$ \text{affine} \;\to\; \text{batch normalization} \;\to\; \text{ReLU}, $$
#
# and the last affine layer stays as it is: its outputs are the class scores, and to normalize them would forbid the
# network to be more certain about one image than about another.
#
# - In `__init__`, give hidden layer `i` the parameters `gamma{i}` (ones) and `beta{i}` (zeros) of that layer's width.
# - In `loss`, use `self.bn_params[i - 1]` for hidden layer `i`: each layer has statistics of its own. The mode is set
#   in these dictionaries already.
# - A pair of helpers in `student/layer_utils.py` (affine, normalization and ReLU in one forward and one backward
#   function) keeps `loss` short.
# - Layer normalization comes in section 9; a branch for `normalization="layernorm"` can wait until then, and so can the
#   checks that name it.
#
# The next cell compares the gradients of a small network with numeric ones, without and with regularization. Errors of
# weights should be below about $10^{-4}$, those of $\gamma$ and $\beta$ below $10^{-6}$ or so.
#
# One thing looks odd and is right: the biases `b1` and `b2` have **no effect at all**. A bias shifts a feature of all
# samples alike, and the very next step subtracts the mean. Their true gradient is 0; both ways of computing it return
# rounding errors, whose *relative* difference means nothing, so the cell prints their size instead.

# %%
np.random.seed(231)
N, D, H1, H2, C = 10, 15, 20, 30, 10
X, y = np.random.randn(N, D), np.random.randint(C, size=N)
gradient_errors = {}

for reg in 0, 3.14:
    model = FullyConnectedNet(
        [H1, H2], input_dim=D, num_classes=C, reg=reg, weight_scale=5e-2, dtype=np.float64, normalization="batchnorm"
    )
    loss, grads = model.loss(X, y)
    print(f"reg = {reg}: initial loss {loss:.4f}")
    for name in sorted(grads):
        numeric = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
        if name in ("b1", "b2"):
            print(f"  {name:7} largest entry {np.abs(grads[name]).max():.1e}, numeric {np.abs(numeric).max():.1e}")
        else:
            gradient_errors[reg, name] = rel_error(grads[name], numeric)
            print(f"  {name:7} relative error {gradient_errors[reg, name]:.1e}")

# %% tags=["proof"]
worst = max(gradient_errors, key=gradient_errors.get)
assert gradient_errors[worst] < 1e-4, f"the gradient of {worst} is off by {gradient_errors[worst]:.1e}"

# %%
grader.check("q2_fully_connected_net_init")

# %%
grader.check("q2_fully_connected_net_loss")

# %% [markdown]
# ## 6 A deep network, with and without
#
# Six layers, a thousand images, ten epochs of Adam: once as in the last notebook, once with batch normalization.
# Everything else is equal.
#
# In the left panel, expect both losses to fall, the normalized network's sooner and lower. Its training accuracy climbs
# faster. The validation curves lie closer together: a thousand images are few, so both networks end up memorizing them,
# and normalization is mainly a help to *optimization*.

# %% tags=["figure"]
num_train, num_val, num_epochs = (300, 200, 8) if quick else (1000, 1000, 10)
small_data = {
    "X_train": data["X_train"][:num_train],
    "y_train": data["y_train"][:num_train],
    "X_val": data["X_val"][:num_val],
    "y_val": data["y_val"][:num_val],
}


def train(
    hidden_dims, normalization, weight_scale, learning_rate=1e-3, rule="adam", batch_size=50, num_epochs=num_epochs
):
    """Trains a fully connected net on the small data; returns its solver, which keeps the history."""
    model = FullyConnectedNet(hidden_dims, weight_scale=weight_scale, normalization=normalization)
    solver = Solver(
        model,
        small_data,
        update_rule=rule,
        optim_config={"learning_rate": learning_rate},
        batch_size=batch_size,
        num_epochs=num_epochs,
        verbose=False,
    )
    solver.train()
    return solver


np.random.seed(231)
deep = {
    "batch norm": train([100] * 5, "batchnorm", weight_scale=2e-2),
    "no normalization": train([100] * 5, None, weight_scale=2e-2),
}
plot_histories(deep)

# %% tags=["proof"]
norm, plain = deep["batch norm"], deep["no normalization"]
assert np.mean(norm.train_acc_history) > np.mean(plain.train_acc_history), "batch norm does not train faster"
assert np.mean(norm.loss_history[-20:]) < np.mean(plain.loss_history[-20:]), "batch norm ends with a higher loss"

# %% [markdown]
# ### Larger steps
#
# Ioffe and Szegedy also promise that one may *use larger learning rates*. Put it to the test, with plain SGD, whose
# steps are proportional to the rate (Adam divides by the gradient's size and would hide it), and from a weight scale at
# which the network without normalization trains well. Without it, one step too large makes the next activations and so
# the next gradient larger, in each layer: the loss explodes. With it, a larger $W$ gives the *same* output, and a
# gradient that is smaller by the same factor: a layer that was thrown too far takes smaller steps from there.
#
# Expect no gain where the rate is small; there the normalized network may even lie a little behind. Then compare the
# largest rates at which either learns, and the best that either reaches.

# %% tags=["figure"]
rates = np.logspace(-3, 0, 5 if quick else 10)
reached = {"batch norm": [], "no normalization": []}
for rate in make_bar(rates, desc="learning rates"):
    for label, normalization in ("batch norm", "batchnorm"), ("no normalization", None):
        np.random.seed(231)
        with np.errstate(all="ignore"):  # some of these trainings blow up; that is the point
            solver = train([100] * 5, normalization, weight_scale=5e-2, learning_rate=rate, rule="sgd")
        reached[label].append(max(solver.train_acc_history))
plot_sweep(rates, reached, "learning rate of SGD", "best training accuracy", percent=True)

# %% tags=["proof"]
enough = 0.6 * max(reached["no normalization"])
largest = {label: rates[np.array(accuracies) > enough].max() for label, accuracies in reached.items()}
print("largest learning rate that reaches 60 % of what the best does without normalization:", largest)
assert largest["batch norm"] > 3 * largest["no normalization"], f"batch norm bears no larger rates: {largest}"
assert max(reached["batch norm"]) > max(reached["no normalization"]), f"at its best rate it is not ahead: {reached}"

# %% [markdown]
# ## 7 Batch normalization and initialization
#
# How carefully must the initial weights be chosen? Here are eight layers, once with and once without batch
# normalization, and for each of them a whole range of standard deviations, from $10^{-4}$ to $1$.
#
# The three plots show, against the scale: the best validation accuracy, the best training accuracy, and the loss at the
# end of training (the mean over the last steps, on a logarithmic axis; $\log 10 \approx 2.30$ is the loss of guessing).
# Read them from left to right, and compare the *width* of the range in which each network learns.

# %%
scales = np.logspace(-4, 0, 6 if quick else 20)
best_val, best_train, final_loss = ({"batch norm": [], "no normalization": []} for _ in range(3))
np.random.seed(231)
for scale in make_bar(scales, desc="weight scales"):
    for label, normalization in ("batch norm", "batchnorm"), ("no normalization", None):
        solver = train([50] * 7, normalization, weight_scale=scale)
        best_val[label].append(max(solver.val_acc_history))
        best_train[label].append(max(solver.train_acc_history))
        final_loss[label].append(np.mean(solver.loss_history[-100:]))

# %% tags=["figure"]
fig, axes = plt.subplots(1, 3, figsize=(9.5, 3.2))
plot_sweep(scales, best_val, "initial weight scale", "best validation accuracy", percent=True, ax=axes[0])
plot_sweep(scales, best_train, "initial weight scale", "best training accuracy", percent=True, ax=axes[1])
plot_sweep(scales, final_loss, "initial weight scale", "final training loss", logy=True, ax=axes[2])
curves = axes[0].get_legend_handles_labels()
for ax in axes:
    ax.get_legend().remove()
fig.legend(*curves, loc="outside upper center", ncols=2)
plt.show()

# %% tags=["proof"]
norm, plain = (np.array(best_train[label]) for label in ("batch norm", "no normalization"))
won = np.sum(norm > plain)
print(f"batch norm reaches the higher training accuracy at {won} of {len(scales)} scales,")
print(f"averaged over the scales {norm.mean():.2f} against {plain.mean():.2f};")
print(f"for validation {np.mean(best_val['batch norm']):.2f} against {np.mean(best_val['no normalization']):.2f}")
assert norm.mean() > plain.mean() + 0.04, "averaged over the scales batch norm is not clearly better"
assert won >= 0.6 * len(scales), f"batch norm wins at {won} of {len(scales)} scales only"
if not quick:  # 200 images say too little
    assert np.mean(best_val["batch norm"]) > np.mean(best_val["no normalization"]), "not so in validation"

# %% [markdown] tags=["inline-question"] question="bn-initialization" points=2
# ### Inline question 1
#
# Describe what the three plots show: how does the scale of the initial weights affect the network without
# normalization, and how the network with it? Explain both, using what happens to activations and to gradients on their
# way through eight layers.

# %% [markdown] tags=["inline-answer"] question="bn-initialization"
# <!-- BEGIN SOLUTION -->
# **Model answer.** Without normalization the network learns only in a band of scales around $10^{-1}$, roughly where
# each layer keeps the size of its input ($\sqrt{2/50} = 0.2$ for a ReLU layer of 50 inputs). Below it, each layer
# multiplies activations and gradients by a factor well below 1; after eight layers almost nothing arrives, the scores
# are equal for all images, training accuracy stays near 10 % and the loss at $\log 10 = 2.3$. Above it, the factor
# exceeds 1, scores become huge, the loss starts in the thousands or more, the gradients are as large, and the accuracy
# falls (hence the logarithmic axis of the third plot).
#
# With batch normalization the network learns at every scale, and all three curves are much flatter. Each layer's output
# is divided by its own standard deviation, so a weight matrix multiplied by any constant gives the same output
# ($\mathrm{BN}(cWx) = \mathrm{BN}(Wx)$ up to $\varepsilon$): the factors of the layers no longer multiply up. The
# gradient with respect to $W$ scales with $1/c$, which Adam's normalized step hides. Sensitivity is not gone: the last
# affine layer is not normalized, at tiny scales the variance nears $\varepsilon$ and the relative size of a step is
# huge, and with large weights steps of the size of the learning rate change the directions of the weights too slowly,
# so both ends are worse than the middle. At its best scale the network without normalization is as good or even better:
# what normalization buys here is the width of the band, not its peak.
#
# **Rubric** (2 points). 1 point: what is seen: a narrow band that works without normalization, a wide one with it, in
# terms of the plots (accuracy *and* loss; loss at 2.3 on the left, exploding on the right). 1 point: why: products over
# layers make signal and gradient vanish or explode; normalization rescales in each layer, so the scale of $W$ drops
# out. Half a point if only one of the two directions is explained.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 8 Batch normalization and batch size
#
# The statistics of a batch are estimates. From 50 samples they are good; from 5 they are rough, and every sample's
# output then depends a good deal on which four others it happens to meet. Here the same six-layer network is trained
# with batches of 5, 10 and 50 images, and as a baseline without normalization with batches of 5.
#
# All runs make the same number of *epochs*. A run with batches of 5 therefore makes ten times as many steps as one with
# batches of 50: keep that in mind when you compare. Look at the order of the normalized curves, at the distance between
# them, and at where the baseline lies.

# %% tags=["figure"]
batch_sizes = (5, 10, 50)


def compare_batch_sizes(normalization):
    """Trains with each batch size, and without normalization with the smallest; returns the solvers by label."""
    runs = [(f"batch of {size}", normalization, size) for size in batch_sizes]
    runs.append((f"no normalization, batch of {batch_sizes[0]}", None, batch_sizes[0]))
    solvers = {}
    for label, kind, size in make_bar(runs, desc="batch sizes"):
        np.random.seed(231)
        options = {"learning_rate": 10**-3.5, "batch_size": size, "num_epochs": 3 if quick else num_epochs}
        solvers[label] = train([100] * 5, kind, weight_scale=2e-2, **options)
    return solvers


batchnorm_runs = compare_batch_sizes("batchnorm")
plot_histories(batchnorm_runs, loss=False, title="batch normalization")

# %% [markdown] tags=["inline-question"] question="bn-batch-size" points=2
# ### Inline question 2
#
# What do the plots of training and validation accuracy say about the relation between batch normalization and the batch
# size? Why is there one? Name two ways in which small batches hurt this layer, one in training and one in testing.

# %% [markdown] tags=["inline-answer"] question="bn-batch-size"
# <!-- BEGIN SOLUTION -->
# **Model answer.** The larger the batch, the better batch normalization trains: with 50 images the training accuracy
# rises fastest and highest, with 5 it is by far the lowest, although that run makes ten times as many steps; it stays
# below the baseline, which has no normalization and batches just as small. In validation accuracy the batches of 10 and
# 50 lie close together (a thousand images are few, and the noise of smaller batches regularizes a little), and batches
# of 5 are last again.
#
# The reason: $\mu$ and $\sigma^2$ are estimated from the batch. The mean of $N$ samples has a standard error of
# $\sigma / \sqrt{N}$: 45 % of a standard deviation for $N = 5$, 14 % for $N = 50$. *In training* each sample is
# therefore shifted and scaled by random amounts that depend on its neighbours: noise in activations and gradients, in
# each of the five layers anew. A little of it regularizes; this much drowns the signal. *In testing* the running
# averages take the place of the batch statistics. With small batches the two differ much: the weights were fitted to
# outputs that were normalized by rough statistics (and the deviation of a few samples underestimates the true one: its
# square is on average only $1 - 1/N$ of the variance), so the network meets activations it was not trained with.
#
# **Rubric** (2 points). 1 point: what is seen: accuracy grows with the batch size, batch 5 is near or below the
# baseline. 0.5 points: the statistics are estimates from few samples, so they are noisy in training. 0.5 points:
# mismatch of batch statistics and running averages at test time.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 9 Layer normalization
#
# Where large batches don't fit into memory, or where there are no batches worth the name (a recurrent network that
# meets sequences of different lengths, a robot that learns from one observation at a time), batch normalization is a
# poor fit. **Layer normalization** (Ba, Kiros & Hinton 2016) turns the matrix on its side: normalize each *sample* over
# its *features*.
#
# $$
# \mu_i = \frac{1}{D} \sum_{j=0}^{D-1} x_{ij}, \qquad
# \sigma_i^2 = \frac{1}{D} \sum_{j=0}^{D-1} (x_{ij} - \mu_i)^2, \qquad
# \mathrm{out}_{ij} = \gamma_j \, \frac{x_{ij} - \mu_i}{\sqrt{\sigma_i^2 + \varepsilon}} + \beta_j
# $$
#
# No sample looks at another. So there are no running averages, training and testing are the same computation, and a
# batch of one is as good as a batch of a thousand. Mind the indices: the statistics belong to a sample $i$, but
# $\gamma$ and $\beta$ still belong to a feature $j$, as they did before.

# %% [markdown] tags=["inline-question"] question="ln-preprocessing" points=2
# ### Inline question 3
#
# Here are five ways to prepare a set of colour photographs before training. For each one say whether it resembles batch
# normalization, layer normalization or neither, and over which numbers its statistics are taken.
#
# 1. For each pixel position and colour, subtract the mean over all photographs and divide by the standard deviation
#    over all photographs.
# 2. Divide all values of all photographs by 255.
# 3. From each photograph subtract the mean of all its values, then divide it by the standard deviation of all its
#    values.
# 4. In each photograph set the values below 30 to 0.
# 5. In each photograph and each of its three colours separately, subtract the mean and divide by the standard
#    deviation.

# %% [markdown] tags=["inline-answer"] question="ln-preprocessing"
# <!-- BEGIN SOLUTION -->
# **Model answer.** A photograph is a sample, a pixel of one colour is a feature.
#
# 1. Batch normalization: statistics of one feature over all samples.
# 2. Neither: one constant for all; no statistic of the data is taken.
# 3. Layer normalization: statistics of one sample over all its features.
# 4. Neither: a fixed nonlinear function of each value (it resembles a ReLU).
# 5. Neither of the two exactly, but a relative of layer normalization: statistics within one sample, over a *group* of
#    its features. (It is group normalization with one channel a group, which is called instance normalization.)
#
# **Rubric** (2 points): 0.4 points for each item, half of that where the name is right and the reason is missing. Item
# 5: full points for "layer normalization over a part of the features" or "neither, since only part of the features"
# with that reason.
# <!-- END SOLUTION -->

# %% [markdown]
# ### Forward
#
# **Write** `layernorm_forward` in `student/layers.py`. If your batch normalization is written with `axis=0`, this is
# nearly the same code with `axis=1` and `keepdims=True`; or normalize the transpose.
#
# The cell sends four samples through the network of before. Each *row* should have mean 0 and deviation 1, and with
# $\gamma = 3$ and $\beta = 5$ in all features, mean 5 and deviation 3. (With a different $\gamma_j$ for each feature no
# such simple rule holds for the rows. Why?)

# %%
np.random.seed(231)
N, D1, D2, D3 = 4, 50, 60, 3
X, W1, W2 = np.random.randn(N, D1), np.random.randn(D1, D2), np.random.randn(D2, D3)
a = np.maximum(0, X @ W1) @ W2

print_statistics("Before layer normalization", a, axis=1)
out, _ = layernorm_forward(a, np.ones(D3), np.zeros(D3), {})
print_statistics("After it, with gamma = 1 and beta = 0", out, axis=1)
out, _ = layernorm_forward(a, np.full(D3, 3.0), np.full(D3, 5.0), {})
print_statistics("After it, with gamma = 3 and beta = 5", out, axis=1)

# %% tags=["proof"]
assert np.allclose(out.mean(axis=1), 5), f"means {out.mean(axis=1)} instead of 5"
assert np.allclose(out.std(axis=1), 3, rtol=1e-3), f"deviations {out.std(axis=1)} instead of 3"

# %%
grader.check("q2_layernorm_forward")

# %% [markdown]
# ### Backward
#
# **Write** `layernorm_backward`. Your closed form carries over, with one difference to watch: before, $\gamma$ was one
# number for the whole column that was normalized and could be pulled out of the sums. Now the features of a row have
# each their own $\gamma_j$, so multiply first: let $g_{ij} = \gamma_j \, \mathrm{dout}_{ij}$ arrive at $\hat{x}$, and
# sum *that* over the row. The gradients of $\gamma$ and $\beta$ still sum over the samples. Expect errors of about
# $10^{-8}$ or less.

# %%
np.random.seed(231)
N, D = 4, 5
x = 5 * np.random.randn(N, D) + 12
gamma, beta, dout = np.random.randn(D), np.random.randn(D), np.random.randn(N, D)

_, cache = layernorm_forward(x, gamma, beta, {})
dx, dgamma, dbeta = layernorm_backward(dout, cache)
dx_num = eval_numerical_gradient_array(lambda v: layernorm_forward(v, gamma, beta, {})[0], x.copy(), dout)
dgamma_num = eval_numerical_gradient_array(lambda v: layernorm_forward(x, v, beta, {})[0], gamma.copy(), dout)
dbeta_num = eval_numerical_gradient_array(lambda v: layernorm_forward(x, gamma, v, {})[0], beta.copy(), dout)

print("dx error:    ", rel_error(dx, dx_num))
print("dgamma error:", rel_error(dgamma, dgamma_num))
print("dbeta error: ", rel_error(dbeta, dbeta_num))

# %% tags=["proof"]
for got, numeric in (dx, dx_num), (dgamma, dgamma_num), (dbeta, dbeta_num):
    assert rel_error(got, numeric) < 1e-7, "a gradient of layer normalization is not that of the forward pass"

# %%
grader.check("q2_layernorm_backward")

# %% [markdown]
# ### The network, and the batch sizes again
#
# Now add the branch for `normalization="layernorm"` to `FullyConnectedNet`. The parameters are the same; only the layer
# is another one. All checks of the network should pass now.
#
# Then the study of section 8 is run again with layer normalization. Compare the *spread* of the normalized curves with
# the plot of section 8, and look at where the smallest batch lies in comparison with the baseline. What is left of the
# spread has nothing to do with statistics: the gradient of five images is noisier than that of fifty, and all runs
# share one learning rate.

# %%
grader.check("q2_fully_connected_net_loss")

# %% tags=["figure"]
layernorm_runs = compare_batch_sizes("layernorm")
plot_histories(layernorm_runs, loss=False, title="layer normalization")


# %% tags=["proof"]
def mean_accuracies(runs):
    """Training accuracy of each run, averaged over the epochs; with batches of 5, 10 and 50, then without norm."""
    return np.array([np.mean(solver.train_acc_history[1:]) for solver in runs.values()])


bn, ln = mean_accuracies(batchnorm_runs), mean_accuracies(layernorm_runs)
print("training accuracy, averaged over the epochs, with batches of 5, 10, 50, and 5 without normalization")
print("  batch norm", bn.round(3), "\n  layer norm", ln.round(3))
bn_lead, ln_lead = bn[2] - bn[0], ln[2] - ln[0]
assert ln[0] > bn[0] + 0.03, f"with batches of 5, batch norm reaches {bn[0]:.3f}, layer norm {ln[0]:.3f}"
assert bn[0] < min(bn[1:3]) - 0.03, f"batch norm doesn't gain with the batch size: {bn}"
assert bn[0] < bn[3], f"with batches of 5, batch norm reaches {bn[0]:.3f}, the network without it {bn[3]:.3f}"
assert np.ptp(ln[:3]) < 0.85 * np.ptp(bn[:3]), f"batch sizes matter as much to layer norm, {ln}, as to batch norm, {bn}"
if not quick:  # in 3 epochs batches of 50 make too few steps
    assert bn[1] < bn[2], f"batch norm doesn't gain from 10 to 50: {bn}"
    assert ln_lead < 0.85 * bn_lead, f"batches of 50 lead by {bn_lead:.3f} with batch, {ln_lead:.3f} with layer norm"

# %% [markdown] tags=["inline-question"] question="ln-failure" points=2
# ### Inline question 4
#
# In which of these settings would you expect layer normalization to work badly, and why? Say for each of the others why
# it does no harm.
#
# 1. A network of 50 layers.
# 2. A hidden layer of two units.
# 3. Batches of a single image.
# 4. Very strong $L_2$ regularization of the weights.

# %% [markdown] tags=["inline-answer"] question="ln-failure"
# <!-- BEGIN SOLUTION -->
# **Model answer.** Setting 2. The statistics of a sample are taken over its features, and two numbers hold nothing
# beyond their mean and their difference: $\hat{x}$ is $(1, -1)$ or $(-1, 1)$ whatever the inputs were (up to
# $\varepsilon$), so all information but one sign per sample is lost, and the gradient through the layer is almost zero.
# Few features in general give noisy statistics, as few samples do for batch normalization.
#
# 1 does no harm: each layer is normalized anew, which is what deep networks need. 3 does no harm: no statistic involves
# another sample. 4 is arguable: shrinking $W$ by a factor does not change $\mathrm{LN}(Wx)$, so in the forward pass the
# regularization is largely undone, until the variance nears $\varepsilon$ and the outputs shrink towards $\beta$. So
# "no harm, the scale of $W$ drops out" and "bad, once the variance is no larger than $\varepsilon$" are both good
# answers; the last affine layer, which is not normalized, suffers as in any network.
#
# **Rubric** (2 points). 1 point: setting 2 with the reason (statistics over too few features; half a point without it).
# 1 point: the other three, a third each, with a reason that holds; for setting 4 either view counts if argued.
# <!-- END SOLUTION -->
