# %% [markdown] tags=["pdf-title"]
# # Fully connected networks
#
# A neural network is a long formula, and to train it you need the gradient of the whole formula. Nobody writes that
# gradient down. Instead the network is cut into layers, each of which knows two things: how to compute its output, and
# how to turn the gradient of its output into the gradient of its inputs. Stack them as high as you like; the chain
# rule does the rest.
#
# **You learn** how to write layers with a forward and a backward pass in vectorized NumPy; how to make sure that a
# gradient is right; how to tell within seconds whether a network can learn at all; why deep networks are harder to
# train than shallow ones; and what momentum, RMSProp and Adam add to plain gradient descent.
#
# **You write** five layers in `student/layers.py` (`affine_forward`, `affine_backward`, `relu_forward`,
# `relu_backward`, `softmax_loss`: carry them over if you have written them before), the network in
# `student/classifiers/fc_net.py`, and three update rules in `student/optim.py`. In the notebook itself you tune two
# networks and train a good one. There are two inline questions.
#
# **Time**: about five hours of thinking and writing; all cells together run in about five minutes.
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
from student import optim
from student.classifiers.fc_net import *
from student.data_utils import get_CIFAR10_data
from student.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from student.progress import make_bar
from student.solver import Solver
from student.vis_utils import plot_histories, plot_loss_and_accuracy, show_images, use_style

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


def first(num_train):
    """The data set with only its first num_train training images."""
    return data | {name: data[name][:num_train] for name in ("X_train", "y_train")}

# %% [markdown]
# ## 1 A network is a stack of layers
#
# The images come as an array of shape $(N, 3, 32, 32)$: $N$ images of three colour channels, 32 rows and 32 columns.
# The values were 0 to 255; then the mean image of the training set was subtracted from all of them, so they now lie on
# both sides of zero. There are ten classes, and the labels are the integers 0 to 9. Here are two images of each class,
# with the values stretched to the range that a screen can show.

# %% tags=["figure", "pdf-ignore-input"]
y_train, class_names = data["y_train"], data["class_names"]
examples = [np.flatnonzero(y_train == label)[i] for i in range(2) for label in range(10)]
show_images(data["X_train"][examples], class_names[y_train[examples]], columns=10, size=0.95)

# %% [markdown]
# Each layer is a pair of functions. The **forward pass** takes the layer's input and its parameters, and returns the
# output together with a *cache*: whatever the backward pass will need.
#
#     out, cache = layer_forward(x, w)
#
# The **backward pass** gets `dout`, the gradient of the loss $L$ with respect to `out`, and that cache. It returns the
# gradients of $L$ with respect to `x` and `w`.
#
#     dx, dw = layer_backward(dout, cache)
#
# Two things about this are worth a pause. First, a layer never sees the loss: the number $L$ may be the result of a
# hundred further layers, and all that this layer learns of them is `dout`. That is why layers can be combined freely.
# Second, the gradient of a scalar with respect to an array has the shape of the array: `dx` has the shape of `x`, `dw`
# that of `w`. When you don't know which way round a product goes, the shapes will often tell you.
#
# To see whether a backward pass is right, compare it with its own forward pass. For a small step $h$,
#
# $$ \frac{\partial f}{\partial x} \approx \frac{f(x + h) - f(x - h)}{2h}, $$
#
# with an error of order $h^2$. Two evaluations for *each* entry of $x$ are far too slow for training, but on a few
# small arrays they are a test that is hard to fool. We measure by `rel_error`, the largest difference in units of the
# largest entry, and always test with double precision: with `float32` and $h = 10^{-5}$, rounding would drown the
# difference.

# %% [markdown]
# ## 2 The affine layer
#
# Flatten each sample to a row of $D$ numbers, so that $x$ becomes a matrix of $N$ rows. With weights $w$ of shape
# $(D, M)$ and biases $b$ of shape $(M,)$,
#
# $$ \mathrm{out}_{nm} = \sum_{d=0}^{D-1} x_{nd} \, w_{dm} + b_m. $$
#
# All indices start at 0, as in NumPy.
#
# For the way back ask, for each input, which outputs it reaches and by which factor; then sum over them. The number
# $x_{nd}$ reaches $\mathrm{out}_{nm}$ for all $m$, by the factor $w_{dm}$. The weight $w_{dm}$ reaches it for all
# samples $n$, and so does the bias $b_m$:
#
# $$
# \frac{\partial L}{\partial x_{nd}} = \sum_m \mathrm{dout}_{nm} \, w_{dm}, \qquad
# \frac{\partial L}{\partial w_{dm}} = \sum_n x_{nd} \, \mathrm{dout}_{nm}, \qquad
# \frac{\partial L}{\partial b_m} = \sum_n \mathrm{dout}_{nm}.
# $$
#
# Each of the first two sums is a product of two matrices, one of them transposed. Which one is transposed you can read
# off the index that is summed over, or off the shapes.
#
# **Write** `affine_forward` and `affine_backward` in `student/layers.py`, without a loop. `dx` must have the shape
# that `x` came in, so undo the flattening.
#
# The next cell uses small "images" of shape $(2, 3, 4)$. Expect relative errors of about $10^{-9}$ or less.

# %%
np.random.seed(231)
x, w, b = np.random.randn(5, 2, 3, 4), np.random.randn(24, 6), np.random.randn(6)
dout = np.random.randn(5, 6)

out, cache = affine_forward(x, w, b)
dx, dw, db = affine_backward(dout, cache)
dx_num = eval_numerical_gradient_array(lambda v: affine_forward(v, w, b)[0], x.copy(), dout)
dw_num = eval_numerical_gradient_array(lambda v: affine_forward(x, v, b)[0], w.copy(), dout)
db_num = eval_numerical_gradient_array(lambda v: affine_forward(x, w, v)[0], b.copy(), dout)

print("out", out.shape, "dx", dx.shape, "dw", dw.shape, "db", db.shape)
for name, got, numeric in ("dx", dx, dx_num), ("dw", dw, dw_num), ("db", db, db_num):
    print(f"{name} error: {rel_error(got, numeric):.1e}")

# %% tags=["proof"]
for got, numeric in (dx, dx_num), (dw, dw_num), (db, db_num):
    assert rel_error(got, numeric) < 1e-8, "a gradient of the affine layer is not that of its forward pass"

# %%
grader.check("q1_affine_forward")

# %%
grader.check("q1_affine_backward")

# %% [markdown]
# ## 3 ReLU
#
# Two affine layers in a row are one affine layer with another matrix. What gives a network its power is something
# nonlinear in between, and the simplest thing that works well is the *rectified linear unit* (Nair & Hinton 2010),
# applied to each entry by itself:
#
# $$ \mathrm{out} = \max(0, x), \qquad
# \frac{\partial L}{\partial x} = \begin{cases} \mathrm{dout} & \text{where } x > 0, \\ 0 & \text{elsewhere.} \end{cases} $$
#
# It is a switch: where it is open the gradient passes unchanged, where it is closed nothing passes. At exactly 0 the
# function has a kink and no derivative; by convention we take 0 there.
#
# **Write** `relu_forward` and `relu_backward`. The check below keeps its inputs away from 0, since a centred
# difference across the kink would give one half.

# %%
np.random.seed(231)
x = np.random.uniform(0.1, 1, size=(4, 5)) * np.random.choice([-1, 1], size=(4, 5))
dout = np.random.randn(4, 5)

out, cache = relu_forward(x)
dx = relu_backward(dout, cache)
dx_num = eval_numerical_gradient_array(lambda v: relu_forward(v)[0], x.copy(), dout)
print(f"smallest output: {out.min()}, share of zeros: {np.mean(out == 0):.0%}")
print(f"dx error: {rel_error(dx, dx_num):.1e}")

# %% tags=["proof"]
assert rel_error(dx, dx_num) < 1e-9, "the gradient of ReLU is not that of its forward pass"

# %%
grader.check("q1_relu_forward")

# %%
grader.check("q1_relu_backward")

# %% [markdown]
# ## 4 Softmax and cross entropy
#
# The last affine layer gives each image $n$ one *score* $s_{nc}$ for each of $C$ classes. Softmax turns scores into
# probabilities, and the loss is the mean *cross entropy*: minus the logarithm of the probability that the network
# gives to the true class $y_n$.
#
# $$ p_{nc} = \frac{e^{s_{nc}}}{\sum_k e^{s_{nk}}}, \qquad L = -\frac{1}{N} \sum_{n=0}^{N-1} \log p_{n y_n}. $$
#
# A network that is sure and right pays almost 0; one that is sure and wrong pays a lot; one that knows nothing gives
# every class the probability $1/C$ and pays $\log C$, which is 2.303 for ten classes. Remember this number: it is what
# every training should start from.
#
# Computed literally the formula overflows, for $e^{710}$ is too much even for a double. Adding one constant to all
# scores of an image changes nothing, though, because it cancels in the fraction. So subtract each row's maximum first:
# the largest exponent is then 0.
#
# For the gradient write the loss of one image as $-s_y + \log \sum_k e^{s_k}$ and differentiate with respect to $s_c$.
# You will find that almost everything cancels, and that the result is a difference of two vectors which you have
# already. It sums to zero over the classes; think about why it must.
#
# **Write** `softmax_loss`. It returns the loss and its gradient with respect to the scores in one go. Don't forget
# that $L$ is a *mean*.
#
# Expect a loss close to 2.303 for small random scores, a relative error of about $10^{-7}$ or less, and no change at
# all when 1000 is added to the scores.

# %%
np.random.seed(231)
scores, y = 0.01 * np.random.randn(50, 10), np.random.randint(10, size=50)
loss, dx = softmax_loss(scores, y)
dx_num = eval_numerical_gradient(lambda v: softmax_loss(v, y)[0], scores.copy(), verbose=False)

print(f"loss {loss:.4f}, log 10 = {np.log(10):.4f}")
print(f"dx error: {rel_error(dx, dx_num):.1e}")
print(f"largest sum of a row of dx: {np.abs(dx.sum(axis=1)).max():.1e}")
print(f"change of the loss when 1000 is added to all scores: {abs(softmax_loss(scores + 1000, y)[0] - loss):.1e}")

# %% tags=["proof"]
assert abs(loss - np.log(10)) < 0.02, f"small scores give the loss {loss} instead of log 10"
assert rel_error(dx, dx_num) < 1e-6, "the gradient of the softmax loss is not that of the loss"

# %%
grader.check("q1_softmax_loss")

# %% [markdown]
# ## 5 The network
#
# Now stack them. A `FullyConnectedNet` with hidden layers of the widths $H_1, \dots, H_{L-1}$ is
#
# $$ x \;\to\; \underbrace{\text{affine} \to \text{ReLU}}_{L - 1 \text{ times}} \;\to\; \text{affine} \;\to\; \text{softmax loss}, $$
#
# $L$ affine layers in all. To keep the weights from growing without need, the loss gets a penalty on their squares,
#
# $$ L_{\text{total}} = L + \frac{\lambda}{2} \sum_{i} \sum_{d,m} \left(w^{(i)}_{dm}\right)^2, $$
#
# with the strength $\lambda$ = `reg`. The factor ½ is there so that the gradient gains just $\lambda w$. Biases are
# left alone.
#
# **Write**, in `student/classifiers/fc_net.py`,
#
# 1. the initialization: `params["W1"]`, `params["b1"]`, and so on up to `W{L}` and `b{L}`. Weights are drawn from a
#    normal distribution with mean 0 and standard deviation `weight_scale`, in the order of the layers; biases start at
#    zero. Why not start the weights at zero too? Then all units of a layer would compute the same, get the same
#    gradient and remain equal for ever.
# 2. the forward pass in `loss`: loop over the layers and keep their caches. Without labels, return the scores.
# 3. the backward pass: the same loop from the other end. Put the gradients into `grads`, under the names of the
#    parameters.
#
# The options `normalization` and `dropout_keep_ratio` are for later notebooks; it pays to write the body of the loop
# as a function of its own, so that there is one place to add them.
#
# ### The first loss
#
# The cheapest test of a classifier is its loss before training. With small weights the scores are near 0, so the loss
# should be near $\log 10 \approx 2.303$, and higher with regularization: each weight adds
# $\frac{1}{2} \cdot 3.14 \cdot 0.05^2$ on average, and there are 1,200 of them in the network below, so expect about
# $2.3 + 4.7 = 7.0$.
#
# ### The gradient
#
# Then compare all gradients with centred differences. Expect errors of about $10^{-6}$ or less. They are larger than
# for a single layer for a good reason: a step of $h$ in a weight of an early layer can push some ReLU over its kink.

# %%
np.random.seed(231)
N, D, H1, H2, C = 2, 15, 20, 30, 10
X, y = np.random.randn(N, D), np.random.randint(C, size=N)

first_losses, errors = {}, {}
for reg in (0, 3.14):
    model = FullyConnectedNet([H1, H2], input_dim=D, num_classes=C, reg=reg, weight_scale=5e-2, dtype=np.float64)
    first_losses[reg], grads = model.loss(X, y)
    print(f"reg = {reg}: first loss {first_losses[reg]:.4f}")
    for name in sorted(grads):
        numeric = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
        errors[reg, name] = rel_error(grads[name], numeric)
        print(f"  {name} error: {errors[reg, name]:.1e}")

# %% tags=["proof"]
assert abs(first_losses[0] - np.log(C)) < 0.05, f"the first loss {first_losses[0]} is not near log {C}"
assert abs(first_losses[3.14] - 7.0) < 0.3, f"the first loss with regularization is {first_losses[3.14]}"
assert max(errors.values()) < 1e-5, f"the largest error of a gradient is {max(errors.values())}"

# %%
grader.check("q1_fully_connected_net_init")

# %%
grader.check("q1_fully_connected_net_loss")

# %% [markdown]
# ## 6 Can it learn at all?
#
# Before you spend an hour on 49,000 images, spend a second on 50. A network with hundreds of thousands of weights can
# learn fifty images by heart. If it doesn't, something is wrong: the code, or a setting that would spoil the large
# training as well. Overfitting, otherwise the enemy, is here the proof that the machine runs.
#
# The two settings that matter most are the **learning rate** and the **weight scale**.
#
# - Loss falls, but slowly: the learning rate is too small.
# - Loss jumps up and down, or becomes `nan`: the learning rate is too large.
# - Loss stays at 2.3 and does not move: hardly any signal gets through the network. Look at the weight scale.
# - Loss begins at 50 instead of 2.3: the weight scale is too large.

# %%
def overfit(hidden_dims, learning_rate, weight_scale):
    """Trains a network on 50 images, 20 epochs of plain SGD, and returns the solver."""
    np.random.seed(231)
    model = FullyConnectedNet(hidden_dims, weight_scale=weight_scale, dtype=np.float64)
    small = first(50)
    small |= {name: small[name][:50] for name in ("X_val", "y_val")}
    options = {"num_epochs": 20, "batch_size": 25, "verbose": False}
    solver = Solver(model, small, update_rule="sgd", optim_config={"learning_rate": learning_rate}, **options)
    solver.train()
    return solver

# %% [markdown]
# ### A network of three layers
#
# **Tune** the two settings, and nothing else, until the training accuracy reaches 100 % within 20 epochs of plain SGD.
# Search in factors of 3 or 10, not in steps: a learning rate is known once its order of magnitude is known.

# %% tags=["figure", "tune"]
learning_rate, weight_scale = 1e-4, 1e-2
# BEGIN SOLUTION
learning_rate, weight_scale = 1e-2, 1e-2
# END SOLUTION

three_layers = overfit([100, 100], learning_rate, weight_scale)
print(f"best training accuracy {max(three_layers.train_acc_history):.0%}, wanted 100%")
plot_loss_and_accuracy(three_layers)

# %% tags=["proof"]
assert max(three_layers.train_acc_history) == 1, "the network of three layers does not overfit 50 images"

# %% [markdown]
# ### A network of five layers
#
# Now the same with two more layers. The values at the start are again bad ones; this time look at the weight scale
# first.

# %% tags=["figure", "tune"]
learning_rate, weight_scale = 2e-3, 1e-5
# BEGIN SOLUTION
learning_rate, weight_scale = 5e-3, 5e-2
# END SOLUTION

five_layers = overfit([100] * 4, learning_rate, weight_scale)
print(f"best training accuracy {max(five_layers.train_acc_history):.0%}, wanted 100%")
plot_loss_and_accuracy(five_layers, log_loss=True)

# %% tags=["proof"]
assert max(five_layers.train_acc_history) == 1, "the network of five layers does not overfit 50 images"

# %% [markdown]
# ### A map of what works
#
# How lucky do you have to be to find good settings? Try them all: the next cell trains both networks on a grid of
# weight scales and learning rates and colours each by the training accuracy that it reaches in 20 epochs. Look at the
# size of the bright region in either map, at its place, and at how its left edge compares between three and five
# layers.

# %%
scales = np.logspace(-3, -0.5, 4 if quick else 11)
rates = np.logspace(-3, -2, 2) if quick else np.logspace(-4, -1, 7)
maps = {}
for hidden_dims in make_bar(([100] * 2, [100] * 4), desc="networks"):
    with np.errstate(all="ignore"):  # some of these trainings blow up; that is the point
        reached = [[max(overfit(hidden_dims, rate, scale).train_acc_history) for scale in scales] for rate in rates]
    maps[f"{len(hidden_dims) + 1} layers"] = np.array(reached)

# %% tags=["figure"]
def edges(values):
    """The edges of cells around values that are evenly spaced on a logarithmic axis."""
    step = np.sqrt(values[1] / values[0])
    return np.append(values / step, values[-1] * step)


fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), sharey=True)
for ax, (label, reached) in zip(axes, maps.items()):
    image = ax.pcolormesh(edges(scales), edges(rates), reached, vmin=0, vmax=1, cmap="cividis")
    ax.set(xscale="log", yscale="log", xlabel="weight scale", title=f"{label}: {np.mean(reached == 1):.0%} reach 100%")
    ax.grid(False)
axes[0].set_ylabel("learning rate")
fig.colorbar(image, ax=axes, label="training accuracy", format="{x:.0%}")
plt.show()

# %% tags=["proof"]
enough = 0.5 if quick else 1
smallest = {label: scales[np.any(reached >= enough, axis=0)].min() for label, reached in maps.items()}
print("smallest weight scale that trains:", smallest)
assert smallest["5 layers"] > smallest["3 layers"], f"depth did not raise the smallest weight scale: {smallest}"

# %% [markdown] tags=["inline-question"] question="fc-depth" points=2
# ### Inline question 1
#
# Compare training the network of three layers with training that of five: which of the two depends more on the scale
# of the initial weights? Explain why, using what happens to activations on the way forward and to gradients on the way
# back. What would you change in the *initialization*, so that depth matters less?

# %% [markdown] tags=["inline-answer"] question="fc-depth"
# <!-- BEGIN SOLUTION -->
# **Model answer.** The network of five layers depends far more on the weight scale. With three layers a scale of
# $10^{-2}$ trains well with a suitable learning rate; with five the same scale leaves the loss at 2.3, and only scales
# from about 0.03 on work. In the map the bright region of the deeper network is smaller and its left edge lies farther
# to the right.
#
# A layer of fan-in $D$ followed by ReLU multiplies the typical size of its input by about $c = \sigma \sqrt{D/2}$. For
# $D = 100$ and $\sigma = 10^{-2}$ this is $c = 0.07$. The factors of the layers *multiply*: two more layers shrink the
# activations by another $0.07^2 = 0.005$, so the scores, and with them all differences between images, all but vanish.
# On the way back the gradient is multiplied by the same transposed matrices, so that of the early layers is tiny too:
# plain SGD stands still. If $c > 1$ the same product explodes: huge scores, a huge first loss, gradients that throw
# the weights far away. The scale that keeps the product in the useful range must be met the more precisely the more
# factors there are: $c^{L}$ within a factor of 100 means $c$ within a factor of $100^{1/L}$.
#
# Remedy: choose each layer's scale by its fan-in so that $c \approx 1$, $\sigma = \sqrt{2/D}$ (He et al. 2015); or
# normalize activations inside the network.
#
# **Rubric** (2 points). 0.5 points: the deeper network is the more sensitive one, with evidence (values tried, or the
# maps). 1 point: activations and gradients are products over layers, so they vanish or explode exponentially in depth.
# Half a point if only one of forward and backward is explained. 0.5 points: a remedy that fits: a scale from the
# fan-in (He, Xavier), or normalization layers.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 7 Momentum
#
# Plain SGD takes a step of $-\eta \, g$ against the gradient $g$, with the learning rate $\eta$. Picture a loss like a
# long narrow valley: the gradient points mostly across it, hardly along it. A learning rate small enough not to bounce
# off the walls is much too small for the way along the floor. And in training $g$ comes from a minibatch, so it is
# noisy as well.
#
# **Momentum** (Polyak 1964; Sutskever et al. 2013) gives the weights a velocity $v$, which decays by the factor $\mu$
# in each step and is pushed by the gradient:
#
# $$ v \leftarrow \mu \, v - \eta \, g, \qquad w \leftarrow w + v. $$
#
# Pushes that agree add up: under a constant gradient the velocity grows to $-\eta \, g / (1 - \mu)$, which for
# $\mu = 0.9$ is ten times the step of SGD. Pushes that alternate, across the valley or from the noise, cancel.
#
# An update rule is a function `rule(w, dw, config)` that returns the next `w`, and the `config` in which it keeps its
# hyperparameters and its state from one step to the next. Read `sgd` in `student/optim.py`, then **write**
# `sgd_momentum` below it.
#
# The cell shows it where you can watch it, on the valley $f(w) = \frac{1}{2}(w_0^2 + 100 \, w_1^2)$. SGD gets the
# largest learning rate that works well there, and still creeps along the floor. Momentum should swing from side to
# side in the beginning and then be much faster.

# %% tags=["figure"]
curvature = np.array([1.0, 100.0])


def descend(rule, learning_rate, steps=80, start=(-4.0, 0.4)):
    """The points that an update rule visits in the valley: (steps + 1, 2)."""
    config, path = {"learning_rate": learning_rate}, [np.array(start)]
    for _ in range(steps):
        w, config = rule(path[-1], curvature * path[-1], config)
        path.append(w.copy())
    return np.array(path)


def draw_valley(paths):
    """Draws the ways down the valley on its contour lines, one panel for each; the title says how far it came."""
    w0, w1 = np.meshgrid(np.linspace(-4.5, 1.5, 200), np.linspace(-0.5, 0.5, 100))
    height = 0.5 * (curvature[0] * w0**2 + curvature[1] * w1**2)
    fig, axes = plt.subplots(1, len(paths), figsize=(9.5, 2.7), sharey=True)
    for i, (ax, (label, path)) in enumerate(zip(axes, paths.items())):
        ax.contour(w0, w1, height, levels=np.logspace(-2, 2, 12), colors="0.85", linewidths=0.8)
        ax.plot(*path.T, "-", marker="o", markersize=2.5, linewidth=1, color=f"C{i}")
        ax.plot(0, 0, "k+", markersize=9)
        end = 0.5 * np.sum(curvature * path[-1] ** 2)
        ax.set(title=f"{label}\nf = {end:.4f} after {len(path) - 1} steps", xlabel="$w_0$")
        ax.grid(False)
    axes[0].set_ylabel("$w_1$")
    plt.show()


paths = {"SGD": descend(optim.sgd, 0.018), "Momentum": descend(optim.sgd_momentum, 0.01)}
draw_valley(paths)

# %% tags=["proof"]
heights = {label: 0.5 * np.sum(curvature * path[-1] ** 2) for label, path in paths.items()}
assert heights["Momentum"] < 0.1 * heights["SGD"], f"momentum is not lower in the valley than SGD: {heights}"

# %%
grader.check("q1_sgd_momentum")

# %% [markdown]
# ### On images
#
# Now the comparison that counts: a network of six layers, 4,000 images, the same initial weights and minibatches for
# both rules. Each figure of this kind shows the training loss of each minibatch (pale) with its moving average, then
# the accuracy on training and on validation images after each epoch. Expect momentum to lower the loss faster from the
# start; after five epochs SGD is not yet where momentum was after two or three.

# %% tags=["figure"]
num_train, num_epochs = (1500, 3) if quick else (4000, 5)


def compare(rule, learning_rate):
    """Trains a network of six layers with an update rule and returns the solver."""
    np.random.seed(231)
    model = FullyConnectedNet([100] * 5, weight_scale=5e-2)
    config = {"learning_rate": learning_rate}
    options = {"num_epochs": num_epochs, "batch_size": 100, "verbose": False, "progress": True}
    solver = Solver(model, first(num_train), update_rule=rule, optim_config=config, **options)
    solver.train()
    return solver


runs = {"SGD": compare("sgd", 5e-3), "SGD with momentum": compare("sgd_momentum", 5e-3)}
plot_histories(runs)

# %% tags=["proof"]
last_loss = {label: np.mean(solver.loss_history[-20:]) for label, solver in runs.items()}
print(last_loss)
assert last_loss["SGD with momentum"] < last_loss["SGD"], f"momentum does not beat SGD: {last_loss}"

# %% [markdown]
# ## 8 RMSProp and Adam
#
# Momentum treats all weights alike. But in the valley the two directions want different learning rates, and in a
# network so do different layers. **RMSProp** (Tieleman & Hinton 2012) keeps a moving average $s$ of the *squared*
# gradient, for each weight by itself, and divides by its root:
#
# $$ s \leftarrow \rho \, s + (1 - \rho) \, g^2, \qquad w \leftarrow w - \frac{\eta \, g}{\sqrt{s} + \varepsilon}. $$
#
# Multiply a weight's gradients by 1000, and its steps remain as they are: the size of a step is $\eta$, more or less,
# and the gradient decides on the sign. In the code $s$ is called `cache` and $\rho$ `decay_rate`.
#
# **Adam** (Kingma & Ba 2015) does this and has momentum too, with a moving average of each:
#
# $$
# \begin{aligned}
# t &\leftarrow t + 1 \\
# m &\leftarrow \beta_1 m + (1 - \beta_1) \, g & \hat{m} &= m / (1 - \beta_1^t) \\
# v &\leftarrow \beta_2 v + (1 - \beta_2) \, g^2 & \hat{v} &= v / (1 - \beta_2^t) \\
# w &\leftarrow w - \eta \, \hat{m} / (\sqrt{\hat{v}} + \varepsilon)
# \end{aligned}
# $$
#
# The two fractions on the right correct a bias. The averages start at 0, and after $t$ steps the weights of all
# gradients seen so far sum to $1 - \beta^t$ only. Take the first step: $m = 0.1 \, g$ and $v = 0.001 \, g^2$, so
# without the correction the step would be $0.1 / \sqrt{0.001} \approx 3.2$ times too large, in every weight at once,
# at the moment when the network can stand it least. Note that $t$ is incremented *before* it is used, or the first
# correction divides by zero.
#
# **Write** `rmsprop` and `adam` in `student/optim.py`, Adam with its bias correction.
#
# In the valley you should see both set out with steps of equal length in $w_0$ and $w_1$, although the slopes differ
# by a factor of ten at the start. RMSProp has no correction, so its first step is $1 / \sqrt{1 - \rho} = 10$ times
# $\eta$; then it gets slower, as it remembers the steep slopes of the beginning for about a hundred steps. Adam keeps
# an even pace, runs past the goal, for it has inertia, and turns back.

# %% tags=["figure"]
paths["RMSProp"], paths["Adam"] = descend(optim.rmsprop, 0.03), descend(optim.adam, 0.2)
draw_valley(paths)

# %%
grader.check("q1_rmsprop")

# %%
grader.check("q1_adam")

# %% [markdown]
# ### All four on images
#
# The same network and data as before. The learning rates differ, because the steps of RMSProp and Adam have the size
# of the learning rate itself and not that of a gradient: $10^{-3}$ is a usual first try for Adam. Expect both to leave
# SGD far behind.

# %% tags=["figure"]
runs["RMSProp"], runs["Adam"] = compare("rmsprop", 1e-4), compare("adam", 1e-3)
plot_histories(runs)

# %% tags=["proof"]
last_loss = {label: np.mean(solver.loss_history[-20:]) for label, solver in runs.items()}
print(last_loss)
for label in ("RMSProp", "Adam"):
    assert last_loss[label] < last_loss["SGD"], f"{label} does not beat SGD: {last_loss}"
assert runs["Adam"].train_acc_history[-1] > runs["SGD"].train_acc_history[-1], "Adam's training accuracy is not higher"

# %% [markdown] tags=["inline-question"] question="fc-adagrad" points=2
# ### Inline question 2
#
# AdaGrad (Duchi, Hazan & Singer 2011) is a relative of RMSProp. It also divides by the root of accumulated squares,
# but it adds them up:
#
# $$ s \leftarrow s + g^2, \qquad w \leftarrow w - \frac{\eta \, g}{\sqrt{s} + \varepsilon}. $$
#
# A friend trains a deep network with it. The loss falls quickly at first, but then the steps become so small that
# training all but stops, long before the loss is good. Why do the steps shrink? Would Adam have the same problem? Give
# reasons from the formulas.

# %% [markdown] tags=["inline-answer"] question="fc-adagrad"
# <!-- BEGIN SOLUTION -->
# **Model answer.** In AdaGrad $s$ is the sum of *all* squared gradients since the first step. It never falls, and as
# long as gradients do not vanish it grows without bound. With gradients of a typical size $g$ we have
# $s \approx t \, g^2$ after $t$ steps, so a step is about $\eta / \sqrt{t}$: the effective learning rate goes to 0
# whether or not the loss is good. Large gradients at the start make it worse, since they remain in the sum for ever,
# although they say nothing about the present.
#
# Adam does not have this problem. Its $v$ is a moving average: an old gradient's weight decays like
# $\beta_2^{\text{age}}$, so after some thousand steps (with $\beta_2 = 0.999$) it is forgotten, and $v$ follows the
# recent size of the gradient down as well as up. The weights sum to 1 (after the bias correction, from the first step
# on), so with gradients of constant size $\sqrt{\hat v} \approx |g|$ at any $t$, and a step remains about $\eta$.
# Adam's steps get smaller only if gradients keep changing sign ($\hat m$ small against $\sqrt{\hat v}$), or if the
# learning rate is lowered on purpose.
#
# **Rubric** (2 points). 1 point: the sum never decreases, so the effective learning rate $\eta / \sqrt{s}$ only falls,
# towards 0. Half a point for "the cache gets large" without saying why it cannot fall. 1 point: Adam no, because a
# decaying average forgets old gradients and stays at the size of the recent ones. Half a point for "no" with another
# true but less relevant reason (momentum, bias correction).
# <!-- END SOLUTION -->

# %% [markdown]
# ## 9 Train a good model
#
# Now put it together. **Train** the best fully connected network you can on all 49,000 images, and store it in
# `best_model`. It must reach **at least 50 % accuracy on the validation set**.
#
# How to go about it:
#
# - *Search coarsely first.* Draw the learning rate and the regularization from a logarithmic range, train each choice
#   for an epoch or two, keep the best region, and search there again. A good learning rate matters more than anything
#   else; then come the width, the number of epochs and the decay of the learning rate (`lr_decay`).
# - *Read the curves.* Training and validation accuracy both low: train longer, faster, or a larger network. A wide gap
#   between them: regularize. Validation accuracy still rising at the end: more epochs. Loss flat at the end and noisy:
#   decay the learning rate.
# - *Come back later.* Once you have written batch normalization and dropout, `normalization="batchnorm"` makes
#   training faster and `dropout_keep_ratio` makes wide networks behave. Neither is needed here.
# - *The test set stays closed.* Choose by validation accuracy only.
#
# Mind the time: a network of 3072 × 200 weights in its first layer needs a few seconds an epoch, one of 3072 × 1000
# five times as much.

# %% exercise="Train a good model: set best_model" tags=["figure"]
best_model = None
# BEGIN SOLUTION
np.random.seed(231)
best_model = FullyConnectedNet([400, 200, 100], normalization="batchnorm", weight_scale=2e-2, reg=1e-4)
solver = Solver(
    best_model,
    first(3000) if quick else data,
    update_rule="adam",
    optim_config={"learning_rate": 1e-3},
    lr_decay=0.8,
    num_epochs=2 if quick else 10,
    batch_size=200,
    verbose=False,
    progress=True,
)
solver.train()
print(f"best validation accuracy {solver.best_val_acc:.1%}")
plot_loss_and_accuracy(solver)
# END SOLUTION

# %% tags=["proof"]
wanted = 0.2 if quick else 0.5
assert solver.best_val_acc >= wanted, f"the good model reaches {solver.best_val_acc:.1%} on the validation set only"

# %% [markdown]
# ### What the first layer looks for
#
# Each column of $W_1$ has one weight for each pixel and channel, so it can be shown as an image: the pattern that its
# unit responds to most. Here are those with the largest weights. After good training you should see some smooth blobs,
# edges or colour contrasts, under some noise.

# %% tags=["figure"]
templates = best_model.params["W1"].T.reshape(-1, 3, 32, 32)
strongest = np.argsort(-np.linalg.norm(templates.reshape(len(templates), -1), axis=1))[:20]
show_images(templates[strongest], columns=10, size=0.95)

# %% [markdown]
# ## 10 Test, once
#
# Run this cell when you have chosen your model, not before. Validation accuracy is a little too good, since you chose
# the model by it; the test accuracy is the honest number. Both should be above 50 %, and within about three points of
# each other: with 1,000 images the accuracy itself is uncertain by $\sqrt{0.5 \cdot 0.5 / 1000} \approx 1.6$ points.

# %%
for name, X, y in (("validation", data["X_val"], data["y_val"]), ("test", data["X_test"], data["y_test"])):
    accuracy = np.mean(best_model.loss(X).argmax(axis=1) == y)
    print(f"{name} accuracy: {accuracy:.1%}")

# %% tags=["proof"]
assert accuracy >= wanted - 0.05, f"the test accuracy is {accuracy:.1%}"
