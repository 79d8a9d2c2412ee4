# %% [markdown] tags=["pdf-title"]
# # Convolutional networks
#
# A fully connected layer doesn't know that its input is a picture: shuffle the pixels of all images in one fixed way,
# and it learns just as well. Convolution builds in what we know about pictures: what belongs together lies close
# together, and a thing is the same thing wherever it stands. Here you write the layers of a convolutional network,
# first so that they are right, then so that they are fast, and train one.
#
# **You learn** what a convolution computes and how its gradient flows; how to turn loops over pixels into one matrix
# product, and what that costs; how to get a network to work step by step (sanity checks, overfitting a handful of
# images, then training); and how normalization looks when features are maps.
#
# **You write** convolution, max pooling and their normalizations in `student/layers.py`, fast versions of the first two
# in `student/fast_layers.py`, and `ThreeLayerConvNet` in `student/classifiers/cnn.py`. There are three inline
# questions.
#
# **Time**: about six hours of thinking and writing; all cells together run in a few minutes.
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
from matplotlib.cbook import get_sample_data

from grader.otter_adapter import Checks
from student.classifiers.cnn import *
from student.classifiers.norm_cnn import NormConvNet
from student.data_utils import get_CIFAR10_data
from student.fast_layers import *
from student.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from student.solver import Solver
from student.vis_utils import plot_histories, plot_loss_and_accuracy, show_images, use_style, visualize_grid

use_style()
grader = Checks()


def rel_error(got, expected):
    """The largest difference between two arrays, in units of the largest entry expected."""
    return np.max(np.abs(got - expected)) / max(np.max(np.abs(expected)), np.finfo(float).tiny)


def numeric_gradients(forward, arrays, dout):
    """The numeric gradient of sum(out * dout) by each of the arrays, where forward(*arrays) returns (out, cache)."""
    gradients = []
    for i, array in enumerate(arrays):

        def out_of(changed, i=i):
            return forward(*arrays[:i], changed, *arrays[i + 1 :])[0]

        gradients.append(eval_numerical_gradient_array(out_of, array.copy(), dout))
    return gradients


def print_errors(names, got, expected):
    """Prints the relative error of each gradient; returns the largest."""
    errors = [rel_error(one, other) for one, other in zip(got, expected)]
    for name, error in zip(names.split(), errors):
        print(f"{name:7} relative error {error:.1e}")
    return max(errors)


# %% tags=["pdf-ignore"]
data = get_CIFAR10_data(num_training=5000 if quick else 49000)
for name, array in data.items():
    if isinstance(array, np.ndarray):
        print(f"{name:8} {array.shape} {array.dtype}")

# %% [markdown]
# ## 1 Convolution, forward
#
# The input is a batch of images $x$ of shape $(N, C, H, W)$: $C$ channels of $H \times W$ pixels. The layer has $F$
# filters, and each of them looks at a small window of the image through *all* channels, so together they are $w$ of
# shape $(F, C, HH, WW)$, with one bias each, $b$ of shape $(F,)$. Every filter slides over the image and at each place
# says how well it matches what it sees, by a scalar product:
#
# $$ \mathrm{out}_{n f i j} \;=\; b_f + \sum_{c=0}^{C-1} \sum_{u=0}^{HH-1} \sum_{v=0}^{WW-1}
# w_{f c u v} \; \tilde{x}_{n, c, \, s i + u, \, s j + v} $$
#
# All indices start at 0, as in NumPy. Here $s$ is the **stride**, how far the window moves from one place to the next,
# and $\tilde{x}$ is $x$ with $p$ rows and columns of zeros **padded** around each image, so that windows can stand at
# the border. The output is a stack of $F$ maps,
#
# $$ H' = 1 + \left\lfloor \frac{H + 2p - HH}{s} \right\rfloor, \qquad
# W' = 1 + \left\lfloor \frac{W + 2p - WW}{s} \right\rfloor, $$
#
# where $\lfloor \cdot \rfloor$ rounds down: what is left over is too narrow for one more window, and no window covers
# it. With stride 1 and $p = (HH - 1)/2$ the maps are as large as the image. (Mathematicians flip the filter and call
# the version without flip *cross-correlation*. For filters that are learned it makes no difference.)
#
# Compare this with a fully connected layer from 3072 inputs to 32 maps of 1024 pixels: that would have
# $3072 \cdot 32768 \approx 100$ million weights. The convolution with 32 filters of $7 \times 7$ pixels has
# $32 \cdot 3 \cdot 49 = 4704$: most connections are cut (locality), and those that are left use the same weights
# everywhere (sharing).
#
# **Write** `conv_forward_naive` in `student/layers.py`. Be clear, not clever: loops over images, filters, rows and
# columns are fine here. `np.pad` helps. The next cell compares your layer with the formula written out for a single
# output pixel. Expect about $10^{-15}$.

# %%
np.random.seed(231)
x, w, b = np.random.randn(2, 3, 6, 8), np.random.randn(4, 3, 3, 5), np.random.randn(4)
conv_param = {"stride": 1, "pad": 1}
out, _ = conv_forward_naive(x, w, b, conv_param)
print("shape of out:", out.shape)

n, f, i, j = 1, 2, 3, 4
padded = np.pad(x[n], ((0, 0), (1, 1), (1, 1)))
by_hand = b[f] + np.sum(w[f] * padded[:, i : i + 3, j : j + 5])
print(f"out[{n}, {f}, {i}, {j}] = {out[n, f, i, j]:.6f}, by the formula {by_hand:.6f}")

# %% tags=["proof"]
assert out.shape == (2, 4, 6, 6), f"out has shape {out.shape}"
assert np.isclose(out[n, f, i, j], by_hand, rtol=1e-12), f"{out[n, f, i, j]} instead of {by_hand}"

# %%
grader.check("q4_conv_forward_naive")

# %% [markdown]
# ### Aside: filters you can see
#
# Long before networks learned filters, people designed them. Two of the classics make a good test of your layer, since
# you can tell by eye whether it works:
#
# - **Gray**: a $3 \times 3$ filter that is zero but for its centre, where red, green and blue have the weights 0.3, 0.6
#   and 0.1 (the eye is most sensitive to green). It mixes the channels of each pixel.
# - **Horizontal edges**: in the blue channel only, the rows above the centre count positive, those below negative.
#   Where the picture is even the sum is 0; where bright blue lies above dark it is large. A bias of 128 puts 0 at
#   medium gray.
#
# One input is a photograph (of Grace Hopper, taken for the U.S. Navy and in the public domain; it comes with
# matplotlib). The other is drawn by a formula, $\cos(r^2)$ with a phase for each colour: rings that get finer outwards,
# and so edges of *every* direction and width in one picture. Before you run the cell, guess where on the rings the edge
# filter will answer and where it will stay gray.

# %% tags=["figure"]
with get_sample_data("grace_hopper.jpg") as file:
    photo = plt.imread(file, format="jpg")
# a square of the photograph, at half its size: each new pixel is the mean of four
photo = photo[30:350, 90:410].reshape(160, 2, 160, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1)

v, u = np.mgrid[-1:1:160j, -1:1:160j]
phases = np.array([0, 1, 2])[:, None, None]
rings = 127.5 + 127.5 * np.cos(30 * (u**2 + v**2) + phases)

x = np.stack([photo, rings])
w = np.zeros((2, 3, 3, 3))
w[0, :, 1, 1] = [0.3, 0.6, 0.1]
w[1, 2] = [[0.5, 1, 0.5], [0, 0, 0], [-0.5, -1, -0.5]]
b = np.array([0, 128])
out, _ = conv_forward_naive(x, w, b, {"stride": 1, "pad": 1})

pictures = []
for image, (gray, edges) in zip(x, out):
    pictures += [array.clip(0, 255).astype(np.uint8) for array in (image, gray, edges)]
titles = ["photograph", "gray", "horizontal edges", "rings", "gray", "horizontal edges"]
show_images(pictures, titles, columns=3, size=1.64)

# %% tags=["proof"]
edges = out[1, 1] - 128
horizontal, vertical = np.abs(edges[5:40, 75:85]).mean(), np.abs(edges[75:85, 5:40]).mean()
assert horizontal > 5 * vertical, (
    f"the edge filter answers {horizontal:.0f} to horizontal edges, {vertical:.0f} to others"
)

# %% [markdown]
# ## 2 Convolution, backward
#
# Look at one input pixel: it takes part in several outputs, once for each window that covers it and for each filter.
# And look at one weight: it takes part in *every* output of its filter. You know the rule for a value with several
# customers: their gradients add up. So, for each output $(n, f, i, j)$ with the gradient $d = \mathrm{dout}_{n f i j}$,
# and the window of $\tilde{x}$ under it,
#
# $$
# \begin{aligned}
# dw_f &\leftarrow dw_f + d \cdot \mathrm{window} \\
# d\mathrm{window} &\leftarrow d\mathrm{window} + d \cdot w_f \\
# db_f &\leftarrow db_f + d
# \end{aligned}
# $$
#
# where $d\mathrm{window}$ is the same window of $d\tilde{x}$, the gradient of the *padded* image. At the end the
# padding is cut off, since those zeros were nobody's input. (Watch out for `[pad:-pad]` where `pad` is 0.)
#
# **Write** `conv_backward_naive`; its loops are those of the forward pass. Expect relative errors of about $10^{-8}$ or
# less.

# %%
np.random.seed(231)
x, w, b = np.random.randn(4, 3, 5, 5), np.random.randn(2, 3, 3, 3), np.random.randn(2)
dout = np.random.randn(4, 2, 5, 5)
conv_param = {"stride": 1, "pad": 1}

_, cache = conv_forward_naive(x, w, b, conv_param)
gradients = conv_backward_naive(dout, cache)
numeric = numeric_gradients(lambda *arrays: conv_forward_naive(*arrays, conv_param), (x, w, b), dout)
error = print_errors("dx dw db", gradients, numeric)

# %% tags=["proof"]
assert error < 1e-7, f"the gradient of the convolution is off by {error:.1e}"

# %%
grader.check("q4_conv_backward_naive")

# %% [markdown]
# ## 3 Max pooling
#
# After a convolution with 32 filters, a picture of 3072 numbers has become 32,768. Pooling makes the maps smaller: it
# cuts each map into windows and keeps only the largest value of each,
#
# $$ \mathrm{out}_{n c i j} = \max_{0 \le u < PH, \; 0 \le v < PW} \; x_{n, c, \, s i + u, \, s j + v}. $$
#
# It has no parameters, and unlike a convolution it treats each channel by itself. What is lost is where exactly in the
# window a filter answered; what is kept is *that* it answered. So small shifts of the picture change little, and a
# window of the next layer covers twice as much of the image.
#
# **Write** `max_pool_forward_naive`. In the cell, each $2 \times 2$ window of the first channel is marked by its tens
# digit, so you can check the result at a glance.

# %%
x = np.array(
    [
        [10, 13, 20, 21],
        [12, 11, 23, 22],
        [33, 31, 40, 40],
        [30, 32, 40, 41],
    ],
    dtype=float,
).reshape(1, 1, 4, 4)
pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
out, _ = max_pool_forward_naive(np.concatenate([x, -x], axis=1), pool_param)
print("first channel:\n", out[0, 0], "\nsecond channel, of the opposite sign:\n", out[0, 1])

# %% tags=["proof"]
assert out.tolist() == [[[[13, 23], [33, 41]], [[-10, -20], [-30, -40]]]], f"pooling returns {out.tolist()}"

# %%
grader.check("q4_max_pool_forward_naive")

# %% [markdown]
# ### Backward
#
# A small change of $x$ changes the output only if it happens to a window's maximum. There the derivative is 1,
# elsewhere 0: pooling hands each gradient to the winner and nothing to the others. Where windows overlap, a pixel can
# win several times; then its gradients add up. If several pixels of a window share the maximum, which is common after a
# ReLU where many are exactly 0, the first of them in reading order takes it all.
#
# **Write** `max_pool_backward_naive`. Away from ties the function is linear, so expect errors near $10^{-11}$.

# %%
np.random.seed(231)
x, dout = np.random.randn(3, 2, 8, 8), np.random.randn(3, 2, 4, 4)
_, cache = max_pool_forward_naive(x, pool_param)
dx = max_pool_backward_naive(dout, cache)
numeric = numeric_gradients(lambda v: max_pool_forward_naive(v, pool_param), (x,), dout)
error = print_errors("dx", [dx], numeric)

# %% tags=["proof"]
assert error < 1e-9, f"the gradient of max pooling is off by {error:.1e}"

# %%
grader.check("q4_max_pool_backward_naive")

# %% [markdown]
# ## 4 The same layers, fast
#
# Python needs some microseconds for each turn of a loop, whatever happens in it. A training step on 50 images with 32
# filters has $50 \cdot 32 \cdot 32 \cdot 32 = 1.6$ million output pixels; with a loop turn for each, an epoch of 980
# steps takes hours. The arithmetic itself is a matter of minutes. So the loops have to go, and the way to go is to give
# NumPy *one* large matrix product, at which it is very good.
#
# The idea is known as **im2col** (Chellapilla, Puri & Simard 2006). Every output pixel of a filter is a scalar product
# of the same $w_f$ with another window. Write each window as a column, put the columns side by side, and the scalar
# products with all filters at all places are one product of two matrices:

# %% tags=["figure", "pdf-ignore-input"]
Image(str(root / "notebooks" / "images" / "im2col.png"), width=860)

# %% [markdown]
# $$ \underbrace{\mathrm{out}}_{F \times (N H' W')} \;=\;
# \underbrace{W}_{F \times (C \cdot HH \cdot WW)} \;
# \underbrace{X_{\mathrm{col}}}_{(C \cdot HH \cdot WW) \times (N H' W')} + \; b $$
#
# It is an affine layer now, and so is its backward pass: $dW = d\mathrm{out} \, X_{\mathrm{col}}^{\top}$ and
# $dX_{\mathrm{col}} = W^{\top} d\mathrm{out}$. Only one thing is new: the columns must be added back to the places in
# the image where they came from (**col2im**), overlaps summed.
#
# **Write** the four functions of `student/fast_layers.py`. There are several ways to cut an image into windows without
# a loop over its pixels: loop over the *filter* instead, index with arrays as in `student/im2col.py`, or take views.
# Think first of what all windows have in common; then open the hint.
#
# <details>
# <summary><b>Hint</b>: three tools, from simple to sly</summary>
#
# - *Loop over the filter instead of the image.* For a fixed place $(u, v)$ inside the window, the pixels that all
#   windows see there are one slice with a step,
#   `x_pad[:, :, u : u + stride * H_out : stride, v : v + stride * W_out : stride]`. That is $HH \cdot WW$ turns instead
#   of $N F H' W'$. For col2im nothing is better: within one such slice no two windows overlap, so `+=` is safe. For
#   pooling, the running maximum over the slices is all you need.
# - *Index arrays*, as in `student/im2col.py`. Short, but fancy indexing copies element by element; and for col2im `+=`
#   with repeated indices counts only one of them. (`np.add.at` counts all, slowly.)
# - *Views.* `np.lib.stride_tricks.sliding_window_view` presents all windows as an array without copying anything. Then
#   `np.einsum` with `optimize=True`, `np.tensordot` or a reshape and `@` do the product. Without `optimize=True`,
#   `np.einsum` makes no matrix product of it and takes some thirty times as long. Mind that the reshape is the moment
#   at which the copy is made.
#
# </details>
#
# There is no compiler here, just NumPy. The next cells compare with your naive layers, values first and then times.
# Differences should be below $10^{-9}$ of the largest value. How much faster the fast layers are depends on how you
# wrote the naive ones: 5 times if those loop over positions only, some hundred times if they loop over everything.


# %%
def seconds(function, *arguments, repeat=5):
    """The result, and the shortest time of several runs: the one that other programs disturbed least."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = function(*arguments)
        times.append(time.perf_counter() - start)
    return result, min(times)


def compare(naive, fast, names, dout, *arguments):
    """Runs two pairs of a forward and a backward pass, prints errors and times; returns worst error and speedups."""
    results, times = [], []
    for forward, backward in naive, fast:
        (out, cache), forward_time = seconds(forward, *arguments)
        gradients, backward_time = seconds(backward, dout, cache)
        results.append([out, *(gradients if isinstance(gradients, tuple) else [gradients])])
        times.append([forward_time, backward_time])
    error = print_errors(names, results[1], results[0])
    speedups = np.divide(*times)
    for i, direction in enumerate(("forward", "backward")):
        slow, short = 1e3 * times[0][i], 1e3 * times[1][i]
        print(f"{direction:8} naive {slow:8.1f} ms, fast {short:6.1f} ms: {speedups[i]:.1f} times as fast")
    return error, speedups


np.random.seed(231)
x, w, b = np.random.randn(100, 3, 31, 31), np.random.randn(25, 3, 3, 3), np.random.randn(25)
dout, conv_param = np.random.randn(100, 25, 16, 16), {"stride": 2, "pad": 1}
conv_error, conv_speedups = compare(
    (conv_forward_naive, conv_backward_naive),
    (conv_forward_fast, conv_backward_fast),
    "out dx dw db",
    dout,
    *(x, w, b, conv_param),
)

# %%
np.random.seed(231)
x, dout = np.random.randn(100, 3, 32, 32), np.random.randn(100, 3, 16, 16)
pool_error, pool_speedups = compare(
    (max_pool_forward_naive, max_pool_backward_naive),
    (max_pool_forward_fast, max_pool_backward_fast),
    "out dx",
    dout,
    *(x, pool_param),
)

# %% tags=["proof"]
assert conv_error < 1e-9, f"fast and naive convolution differ by {conv_error:.1e}"
assert pool_error == 0, f"fast and naive pooling differ by {pool_error:.1e}"
assert np.all(conv_speedups > 1), f"the fast convolution is {conv_speedups} times as fast as the naive one"
assert np.all(pool_speedups > 1), f"the fast pooling is {pool_speedups} times as fast as the naive one"

# %%
grader.check("q4_conv_forward_fast")

# %%
grader.check("q4_conv_backward_fast")

# %%
grader.check("q4_max_pool_forward_fast")

# %%
grader.check("q4_max_pool_backward_fast")

# %% [markdown] tags=["inline-question"] question="conv-memory" points=2
# ### Inline question 1
#
# Vectorization trades memory for time. Take the first layer of the network that you will train below: a batch of 50
# images $(3, 32, 32)$ in float32, 32 filters of $7 \times 7$ pixels, stride 1, padding 3.
#
# 1. How many bytes do the images, the outputs and the matrix $X_{\mathrm{col}}$ need? By which factor does im2col
#    enlarge its input, and on what does this factor depend?
# 2. Name one way to need much less, at little cost in time.

# %% [markdown] tags=["inline-answer"] question="conv-memory"
# <!-- BEGIN SOLUTION -->
# **Model answer.**
#
# 1. Images: $50 \cdot 3 \cdot 32 \cdot 32 \cdot 4 = 614{,}400$ bytes (0.6 MB). Outputs:
#    $50 \cdot 32 \cdot 32 \cdot 32 \cdot 4 = 6.6$ MB. $X_{\mathrm{col}}$: $(3 \cdot 49) \times (50 \cdot 1024)$
#    numbers, $147 \cdot 51{,}200 \cdot 4 = 30.1$ MB. The factor is 49: with stride 1 each pixel lies in $HH \cdot WW$
#    windows and is copied into each of them; in general it is about $HH \cdot WW / s^2$
#    ($C \cdot HH \cdot WW \cdot H' W'$ numbers instead of $C \cdot H W$), independent of $N$, $C$ and $F$. If the
#    matrix is kept in the cache for the backward pass, every convolution of the network holds such a matrix at the same
#    time.
# 2. Any of: work through the batch in blocks of a few images, so that only one block's columns exist at a time (and
#    stay in the processor's cache, which can make it *faster*); build the columns anew in the backward pass instead of
#    keeping them; loop over the $HH \cdot WW$ places of the filter and add up products of slices, which needs no
#    columns at all; use a view of the windows with a product that copies blockwise.
#
# **Rubric** (2 points). 1 point: the three sizes (a quarter of a point each; one slip in the arithmetic is fine) and
# the factor $HH \cdot WW$ (or 49), with the reason that each pixel is copied into each window that covers it. 1 point:
# a way that works, and why it costs little time.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 Sandwich layers
#
# Convolution, ReLU and often pooling follow each other again and again. `student/layer_utils.py` has them under one
# name each: `conv_relu_forward`, `conv_relu_pool_forward` and their backward passes. They are written already, and use
# your *fast* layers. This is a first test that the layers work together.

# %%
np.random.seed(231)
w, b = np.random.randn(3, 3, 3, 3), np.random.randn(3)
conv_param = {"stride": 1, "pad": 1}
sandwich_errors = []

print("conv - relu - pool")
x, dout = np.random.randn(2, 3, 16, 16), np.random.randn(2, 3, 8, 8)
_, cache = conv_relu_pool_forward(x, w, b, conv_param, pool_param)
numeric = numeric_gradients(lambda *arrays: conv_relu_pool_forward(*arrays, conv_param, pool_param), (x, w, b), dout)
sandwich_errors.append(print_errors("dx dw db", conv_relu_pool_backward(dout, cache), numeric))

print("conv - relu")
x, dout = np.random.randn(2, 3, 8, 8), np.random.randn(2, 3, 8, 8)
_, cache = conv_relu_forward(x, w, b, conv_param)
numeric = numeric_gradients(lambda *arrays: conv_relu_forward(*arrays, conv_param), (x, w, b), dout)
sandwich_errors.append(print_errors("dx dw db", conv_relu_backward(dout, cache), numeric))

# %% tags=["proof"]
assert max(sandwich_errors) < 1e-6, f"the gradient of a sandwich layer is off by {max(sandwich_errors):.1e}"

# %% [markdown]
# ## 6 A network of three layers
#
# Time to build one:
#
# $$
# \text{conv} \to \text{ReLU} \to 2 \times 2 \text{ max pool} \to
# \text{affine} \to \text{ReLU} \to \text{affine} \to \text{softmax}
# $$
#
# **Write** `ThreeLayerConvNet` in `student/classifiers/cnn.py`: the parameters in `__init__`, then the forward and the
# backward pass in `loss`. With the sandwich layers each pass is three lines and the regularization. The only thing to
# compute is the input width of the first affine layer: padding keeps the maps as large as the image, pooling halves
# both sides.

# %%
grader.check("q4_three_layer_conv_net_init")

# %%
grader.check("q4_three_layer_conv_net_loss")

# %% [markdown]
# ### Is the first loss right?
#
# Never train a network before you looked at its first loss. With tiny weights all ten scores are nearly equal, each
# class gets the probability $1/10$, and the loss must be $\log 10 \approx 2.303$. Regularization must raise it a
# little.

# %%
np.random.seed(231)
model = ThreeLayerConvNet()
X, y = np.random.randn(50, 3, 32, 32), np.random.randint(10, size=50)

first_loss, _ = model.loss(X, y)
print(f"without regularization {first_loss:.4f}, and log 10 = {np.log(10):.4f}")
model.reg = 0.5
regularized_loss, _ = model.loss(X, y)
print(f"with reg = 0.5         {regularized_loss:.4f}")

# %% tags=["proof"]
assert abs(first_loss - np.log(10)) < 1e-3, f"the first loss is {first_loss}"
assert 0.05 < regularized_loss - first_loss < 1, f"regularization adds {regularized_loss - first_loss}"

# %% [markdown]
# ### Are the gradients right?
#
# The whole network against centred differences, in float64 and small enough to go through every weight. The loss has
# kinks (a ReLU at 0, a maximum that changes hands); where a step of the difference crosses one, the two gradients
# rightly disagree. So the step is small, $h = 10^{-6}$, and a correct network may still show an error of up to
# $10^{-2}$ in one parameter or another. Usually all are far below.

# %%
np.random.seed(231)
X, y = np.random.randn(2, 3, 16, 16), np.random.randint(10, size=2)
model = ThreeLayerConvNet(input_dim=(3, 16, 16), num_filters=3, filter_size=3, hidden_dim=7, dtype=np.float64)
_, grads = model.loss(X, y)
names = sorted(grads)
numeric = [
    eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False, h=1e-6) for name in names
]
net_error = print_errors(" ".join(names), [grads[name] for name in names], numeric)

# %% tags=["proof"]
assert net_error < 1e-2, f"the gradient of the network is off by {net_error:.1e}"

# %% [markdown]
# ### Can it learn anything by heart?
#
# The last test before the real training: a hundred images. A network of this size has thousands of parameters for each
# of them and must be able to learn them by heart. Expect the loss to fall towards 0 and the training accuracy to reach
# 100 %, while the validation accuracy stays low: what is learned here is these hundred images, not the classes. If the
# training accuracy gets stuck, something is wrong with the network or the learning rate, and more data won't help.

# %% tags=["figure"]
np.random.seed(231)
num_train = 100
small_data = {
    "X_train": data["X_train"][:num_train],
    "y_train": data["y_train"][:num_train],
    "X_val": data["X_val"][: 50 if quick else None],
    "y_val": data["y_val"][: 50 if quick else None],
}
model = ThreeLayerConvNet(weight_scale=1e-2, num_filters=16 if quick else 32)
small_solver = Solver(
    model,
    small_data,
    num_epochs=20,
    batch_size=50,
    update_rule="adam",
    optim_config={"learning_rate": 1e-3},
    verbose=False,
)
small_solver.train()
train_accuracy, val_accuracy = small_solver.train_acc_history[-1], small_solver.val_acc_history[-1]
print(f"after the last epoch: training accuracy {train_accuracy:.2f}, validation accuracy {val_accuracy:.2f}")
plot_loss_and_accuracy(small_solver)

# %% tags=["proof"]
assert max(small_solver.train_acc_history) >= 0.98, (
    f"only {max(small_solver.train_acc_history):.2f} of 100 images learned"
)
assert val_accuracy < train_accuracy - 0.3, f"validation accuracy {val_accuracy:.2f} of a network that overfits"

# %% [markdown]
# ### Train
#
# Now with all images: one epoch, 980 steps of 50 images, with 500 hidden units and a little regularization. It takes a
# few minutes; a training accuracy above **40 %** after this single epoch is what you should see (on Shapes-10 well
# above). Note that the validation accuracy is about as high: with a single pass over the data hardly any image is met
# twice, so there is no overfitting yet. How many epochs did your best fully connected network need to come this far?

# %% tags=["figure"]
np.random.seed(231)
if quick:
    train_data = small_data | {"X_train": data["X_train"][:1000], "y_train": data["y_train"][:1000]}
else:
    train_data = data
model = ThreeLayerConvNet(weight_scale=1e-3, hidden_dim=100 if quick else 500, reg=1e-3)
solver = Solver(
    model,
    train_data,
    num_epochs=1,
    batch_size=50,
    update_rule="adam",
    optim_config={"learning_rate": 5e-4},
    num_train_samples=200 if quick else 1000,
    verbose=False,
    progress=True,
)
start = time.time()
solver.train()
steps, minutes = len(solver.loss_history), (time.time() - start) / 60
train_accuracy, val_accuracy = solver.train_acc_history[-1], solver.val_acc_history[-1]
print(f"{steps} steps in {minutes:.1f} minutes: training accuracy {train_accuracy:.3f}, validation {val_accuracy:.3f}")
fig, ax = plt.subplots()
ax.plot(np.arange(steps) + 1, solver.loss_history, linewidth=0.8)
ax.set(xlabel="Iteration", ylabel="Training loss")
plt.show()

# %% tags=["proof"]
wanted = 0.15 if quick else 0.4
assert train_accuracy > wanted, f"training accuracy {train_accuracy:.3f} after one epoch"
assert np.mean(solver.loss_history[-5:]) < solver.loss_history[0] - 0.01, "the loss does not fall"

# %% [markdown]
# ### What the filters look for
#
# The filters of the first layer have three channels, as images have, so they can be looked at as images: $7 \times 7$
# pixels each, stretched to the full range of brightness. A filter answers most strongly to a patch that looks like
# itself. At the start they were noise; after training, expect smooth patches: edges in several directions, and blobs of
# one colour against its opposite. Those that still look like noise were hardly used.

# %% tags=["figure"]
grid = visualize_grid(model.params["W1"].transpose(0, 2, 3, 1))
show_images([grid.astype(np.uint8)], size=4)

# %% tags=["proof"]
assert grid.shape == (6 * 7 + 5, 6 * 7 + 5, 3), f"the grid of 32 filters has shape {grid.shape}"
assert np.isfinite(grid).all() and grid.std() > 10, "there is nothing to see in the filters"

# %% [markdown]
# ## 7 Spatial batch normalization
#
# Batch normalization made deep fully connected networks easy to train, and does the same for convolutional ones. But
# what is a *feature* here? In a fully connected network each unit has its own weights. In a map all pixels come from
# the *same* filter, at different places, so Ioffe and Szegedy treat them alike: a channel is one feature, and each
# pixel of each image is one sample of it. Mean and variance run over $N$, $H$ and $W$,
#
# $$ \mu_c = \frac{1}{N H W} \sum_{n, i, j} x_{n c i j}, \qquad
# \sigma_c^2 = \frac{1}{N H W} \sum_{n, i, j} (x_{n c i j} - \mu_c)^2, $$
#
# and there is one $\gamma_c$ and one $\beta_c$ for each channel.
#
# **Write** `spatial_batchnorm_forward` in `student/layers.py`. You have a batch normalization for arrays of samples by
# features, so the job is to bring $(N, C, H, W)$ into that form and back. Mind the order of the axes: a `reshape` alone
# would mix channels.
#
# Expect means of 0 and deviations of 1 for each channel, then $\beta$ and $\gamma$.

# %%
np.random.seed(231)


def print_channels(title, x):
    """Prints mean and standard deviation of each channel."""
    print(title)
    for name, values in ("mean", x.mean(axis=(0, 2, 3))), ("std", x.std(axis=(0, 2, 3))):
        print(f"  {name:5}", np.array2string(np.round(values, 4) + 0.0, precision=4, floatmode="fixed"))


N, C, H, W = 2, 3, 4, 5
x = 4 * np.random.randn(N, C, H, W) + 10
print_channels("Before spatial batch normalization", x)
out, _ = spatial_batchnorm_forward(x, np.ones(C), np.zeros(C), {"mode": "train"})
print_channels("After it, with gamma = 1 and beta = 0", out)
gamma, beta = np.array([3.0, 4.0, 5.0]), np.array([6.0, 7.0, 8.0])
out, _ = spatial_batchnorm_forward(x, gamma, beta, {"mode": "train"})
print_channels("After it, with gamma = [3 4 5] and beta = [6 7 8]", out)

# %% tags=["proof"]
assert out.shape == x.shape, f"out has shape {out.shape}"
assert np.allclose(out.mean(axis=(0, 2, 3)), beta), "the means of the channels are not beta"
assert np.allclose(out.std(axis=(0, 2, 3)), gamma, rtol=1e-4), "the deviations of the channels are not gamma"

# %% [markdown]
# In test mode the running averages take over, as before: after fifty training passes the means should be near 0 and the
# deviations near 1.

# %%
np.random.seed(231)
bn_param, C = {"mode": "train"}, 4
for _ in range(50):
    x = 2.3 * np.random.randn(10, C, 11, 12) + 13
    spatial_batchnorm_forward(x, np.ones(C), np.zeros(C), bn_param)
bn_param["mode"] = "test"
x = 2.3 * np.random.randn(10, C, 11, 12) + 13
out, _ = spatial_batchnorm_forward(x, np.ones(C), np.zeros(C), bn_param)
print_channels("After spatial batch normalization in test mode", out)

# %% tags=["proof"]
assert np.all(np.abs(out.mean(axis=(0, 2, 3))) < 0.1), "test-time means are not near 0"
assert np.all(np.abs(out.std(axis=(0, 2, 3)) - 1) < 0.1), "test-time deviations are not near 1"

# %%
grader.check("q4_spatial_batchnorm_forward")

# %% [markdown]
# ### Backward
#
# **Write** `spatial_batchnorm_backward`: the same change of form around the backward pass that you have. Expect errors
# of $10^{-6}$ or less.

# %%
np.random.seed(231)
N, C, H, W = 2, 3, 4, 5
x, dout = 5 * np.random.randn(N, C, H, W) + 12, np.random.randn(N, C, H, W)
gamma, beta = np.random.randn(C), np.random.randn(C)

_, cache = spatial_batchnorm_forward(x, gamma, beta, {"mode": "train"})
gradients = spatial_batchnorm_backward(dout, cache)
numeric = numeric_gradients(
    lambda *arrays: spatial_batchnorm_forward(*arrays, {"mode": "train"}), (x, gamma, beta), dout
)
error = print_errors("dx dgamma dbeta", gradients, numeric)

# %% tags=["proof"]
assert error < 1e-6, f"the gradient of spatial batch normalization is off by {error:.1e}"

# %%
grader.check("q4_spatial_batchnorm_backward")

# %% [markdown]
# ### A network with it and one without
#
# `NormConvNet` in `student/classifiers/norm_cnn.py` is written already, out of your layers: five blocks of a
# convolution, a normalization and a ReLU, every other one with a max pool, and an affine layer at the end. Its weights
# start with the deviation $1 / \sqrt{3 \cdot \text{inputs}}$, which is PyTorch's default. Each block then makes its
# signal smaller, by $\sqrt{1/6} \approx 0.4$: one factor of 3 from the weights, one of 2 from the ReLU. After five
# blocks a hundredth is left.
#
# Both networks get the same images (divided by 64, so that they too have a deviation near 1), the same minibatches and
# the same learning rate of Adam. Expect the loss of the plain network to stay near $\log 10 \approx 2.3$ for a while,
# and that of the normalized one to fall from the start; training accuracy follows. In validation the two lie closer,
# since so few images are soon learned by heart: normalization helps optimization first.


# %% tags=["figure"]
def train_with(normalization, num_train, batch_size, num_epochs, learning_rate):
    """Trains a NormConvNet with Adam on the first images, divided by 64; returns its solver."""
    np.random.seed(231)
    images = {name: data[name][:count] / 64 for name, count in (("X_train", num_train), ("X_val", 200))}
    labels = {"y_train": data["y_train"][:num_train], "y_val": data["y_val"][:200]}
    solver = Solver(
        NormConvNet(normalization),
        images | labels,
        update_rule="adam",
        optim_config={"learning_rate": learning_rate},
        batch_size=batch_size,
        num_epochs=num_epochs,
        num_train_samples=200,
        verbose=False,
        progress=True,
    )
    solver.train()
    return solver


num_train, num_epochs = (600, 4) if quick else (4000, 6)
with_and_without = {
    "batch norm": train_with("batchnorm", num_train, 50, num_epochs, 1e-3),
    "no normalization": train_with(None, num_train, 50, num_epochs, 1e-3),
}
plot_histories(with_and_without)

# %% tags=["proof"]
norm, plain = with_and_without.values()
losses = [np.mean(solver.loss_history) for solver in (norm, plain)]
accuracies = [np.mean(solver.train_acc_history[1:]) for solver in (norm, plain)]
print("with and without: loss, averaged over the steps,", np.round(losses, 3), "accuracy", np.round(accuracies, 3))
assert losses[0] < losses[1] - 0.1, f"batch norm does not lower the loss sooner: {losses}"
assert accuracies[0] > accuracies[1] + 0.05, f"batch norm does not learn sooner: {accuracies}"

# %% [markdown] tags=["inline-question"] question="conv-statistics" points=2
# ### Inline question 2
#
# Spatial batch normalization takes one mean and one variance for each channel, over $N$, $H$ and $W$. One could as well
# keep the layer of the last notebook as it is, and treat each of the $C H W$ pixels of the maps as a feature of its
# own, with statistics over $N$ only. What would be lost? Give one reason that has to do with what a convolution is, and
# one that has to do with the quality of the statistics.

# %% [markdown] tags=["inline-answer"] question="conv-statistics"
# <!-- BEGIN SOLUTION -->
# **Model answer.** *What a convolution is.* A filter gives the same answer to the same patch wherever it stands: shift
# the image, and the map shifts with it. With one mean, variance, $\gamma$ and $\beta$ for each place, the same answer
# of the same filter would be changed differently in the upper left corner and in the middle, and the property would be
# gone: the next layer could not use the same weights at all places any more. One set of statistics for a channel treats
# all places alike, so the normalized layer is still equivariant to shifts. (It would also need $H W$ times as many
# parameters, and a fixed image size.)
#
# *Quality.* Over $N$ only, each mean is estimated from $N$ numbers, say 50; over $N$, $H$ and $W$ from $50 \cdot 1024$.
# Neighbouring pixels are correlated, so the gain is less than a factor of 1024 in the variance of the estimate, but it
# is large: small batches do far less harm than in a fully connected layer.
#
# **Rubric** (2 points). 1 point: weights are shared across places, so the statistics and $\gamma, \beta$ must be, or
# shift equivariance is lost (half a point for "fewer parameters" alone). 1 point: many more samples for each statistic,
# hence less noise and less dependence on the batch size.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 8 Group normalization
#
# Large images and deep networks leave room for a few images a batch, sometimes for one, and there batch normalization
# suffers. Layer normalization doesn't care about the batch, but in convolutional networks it does worse than batch
# normalization. Wu and He (2018) see the reason in an assumption it makes: that all channels of an image are alike
# enough to share one mean and one variance. In a fully connected layer all units play similar roles. Among filters, one
# may answer to edges and another to sky; putting all on one scale lets the loud drown the quiet.
#
# **Group normalization** is the way between. It cuts the $C$ channels into $G$ groups of $C / G$ neighbouring ones, and
# normalizes each image over each group's channels and pixels. Hand-made features of the time before deep networks did
# something like it: HOG, for example, counts edges by direction in each small part of the picture and then normalizes
# these counts within blocks, by parts that belong together and not all at once. Nothing makes the channels of a group
# similar at first; but as they share their statistics, training can arrange them so.
#
# The picture compares which numbers share a mean and a variance. Rows are images and columns are channels.

# %% tags=["figure", "pdf-ignore-input"]
Image(str(root / "notebooks" / "images" / "normalization_axes.png"), width=900)

# %% [markdown]
# *All pixels within a frame share one mean and one variance; the first frame of each kind is blue. Batch normalization
# is the only one of the four whose frames reach across images.*
#
# $$
# \mu_{n g} = \frac{G}{C H W} \sum_{c \in \text{group } g} \, \sum_{i, j} x_{n c i j}, \qquad
# \sigma_{n g}^2 = \frac{G}{C H W} \sum_{c \in \text{group } g} \, \sum_{i, j} (x_{n c i j} - \mu_{n g})^2
# $$
#
# With $G = 1$ it is layer normalization of the image, with $G = C$ instance normalization. As with layer normalization,
# the scale $\gamma$ and the shift $\beta$ still belong to single channels. Here they come in the shape $(1, C, 1, 1)$,
# ready for broadcasting, and their gradients must have that shape too.
#
# **Write** `spatial_groupnorm_forward`. A reshape to $(N, G, -1)$ puts each group into one row, since neighbouring
# channels are neighbours in memory.
#
# In the cell two images of six channels are normalized in two groups: four means of 0 and four deviations of 1.

# %%
np.random.seed(231)


def print_groups(title, x, G):
    """Prints mean and standard deviation of each group of each image."""
    groups = x.reshape(len(x) * G, -1)
    print(title)
    for name, values in ("mean", groups.mean(axis=1)), ("std", groups.std(axis=1)):
        print(f"  {name:5}", np.array2string(np.round(values, 4) + 0.0, precision=4, floatmode="fixed"))


N, C, H, W, G = 2, 6, 4, 5, 2
x = 4 * np.random.randn(N, C, H, W) + 10
print_groups("Before group normalization", x, G)
out, _ = spatial_groupnorm_forward(x, np.ones((1, C, 1, 1)), np.zeros((1, C, 1, 1)), G, {})
print_groups("After it, with gamma = 1 and beta = 0", out, G)

# %% tags=["proof"]
groups = out.reshape(N * G, -1)
assert np.allclose(groups.mean(axis=1), 0), "the means of the groups are not 0"
assert np.allclose(groups.std(axis=1), 1, rtol=1e-4), "the deviations of the groups are not 1"

# %%
grader.check("q4_spatial_groupnorm_forward")

# %% [markdown]
# ### Backward
#
# **Write** `spatial_groupnorm_backward`. The closed form serves once more: multiply by $\gamma$ first, as for layer
# normalization, then sum over a row of the reshaped array. Expect errors of $10^{-7}$ or less.

# %%
np.random.seed(231)
x, dout = 5 * np.random.randn(N, C, H, W) + 12, np.random.randn(N, C, H, W)
gamma, beta = np.random.randn(1, C, 1, 1), np.random.randn(1, C, 1, 1)

_, cache = spatial_groupnorm_forward(x, gamma, beta, G, {})
gradients = spatial_groupnorm_backward(dout, cache)
numeric = numeric_gradients(lambda *arrays: spatial_groupnorm_forward(*arrays, G, {}), (x, gamma, beta), dout)
error = print_errors("dx dgamma dbeta", gradients, numeric)
print("shapes:", *(gradient.shape for gradient in gradients))

# %% tags=["proof"]
assert error < 1e-6, f"the gradient of group normalization is off by {error:.1e}"
assert [gradient.shape for gradient in gradients] == [x.shape, gamma.shape, beta.shape]

# %%
grader.check("q4_spatial_groupnorm_backward")

# %% [markdown]
# ### Small batches
#
# Two experiments show what a small batch does to either layer. First, one image and its company. The cell sends an
# image through one normalization together with others, drawn anew twenty times, and measures by how much its *own*
# normalized maps change, in units of their deviation. For group normalization it must be exactly 0. For batch
# normalization expect it to grow as the batch gets smaller.

# %%
np.random.seed(231)
w, sizes, G = np.random.randn(8, 3, 3, 3) / np.sqrt(27), (2, 8, 32, 128), 4
maps, _ = conv_forward_fast(data["X_train"][:500] / 64, w, np.zeros(8), {"stride": 1, "pad": 1})
kinds = {
    "batch norm": lambda x: spatial_batchnorm_forward(x, np.ones(8), np.zeros(8), {"mode": "train"})[0],
    "group norm": lambda x: spatial_groupnorm_forward(x, np.ones((1, 8, 1, 1)), np.zeros((1, 8, 1, 1)), G, {})[0],
}
changes = {}
for kind, normalize in kinds.items():
    for size in sizes:
        company = [np.append(0, np.random.choice(np.arange(1, 500), size - 1, replace=False)) for _ in range(20)]
        own = np.array([normalize(maps[batch])[0] for batch in company])
        changes[kind, size] = np.std(own, axis=0).mean() / own.std()
print("batch size ", *(f"{size:7}" for size in sizes))
for kind in kinds:
    print(f"{kind:11}", *(f"{changes[kind, size]:7.1%}" for size in sizes))

# %% tags=["proof"]
batch, group = ([changes[kind, size] for size in sizes] for kind in kinds)
assert max(group) < 1e-6, f"group norm lets an image's company change it: {group}"
assert batch == sorted(batch, reverse=True), f"batch norm does not get noisier with each smaller batch: {batch}"
assert batch[0] > 3 * batch[-1], f"batch norm is about as noisy in small batches as in large ones: {batch}"

# %% [markdown]
# Second, training. The network of section 7 once more, with batch and with group normalization, in batches of 2 and of
# 32. All four runs see the same number of images; the learning rate grows with the root of the batch size, a usual rule
# for Adam, so that large batches make up a little for their fewer steps. Compare the two *kinds* at one batch size.
# Accuracies are measured in test mode: there batch normalization takes running averages of statistics that never came
# from more than two images.

# %% tags=["figure"]
num_train, num_epochs = (300, 3) if quick else (1500, 5)
runs = {}
for size in (2, 32):
    for label, kind in ("batch norm", "batchnorm"), ("group norm", "groupnorm"):
        runs[label, size] = train_with(kind, num_train, size, num_epochs, 3e-4 * np.sqrt(size / 2))
    plot_histories({label: runs[label, size] for label in kinds}, title=f"batches of {size}")

# %% tags=["proof"]
losses = [np.mean(solver.loss_history[-(len(solver.loss_history) // num_epochs) :]) for solver in runs.values()]
accuracies = [np.mean(solver.train_acc_history[1:]) for solver in runs.values()]
for (label, size), loss, accuracy in zip(runs, losses, accuracies):
    print(f"{label}, batches of {size}: loss in the last epoch {loss:.3f}, mean accuracy {accuracy:.3f}")
assert losses[1] < losses[0] - 0.05, f"with batches of 2 group norm does not lower the loss more: {losses}"
assert accuracies[1] > accuracies[0] + 0.02, f"with batches of 2 group norm is not more accurate: {accuracies}"
assert losses[0] - losses[1] > losses[2] - losses[3] + 0.05, f"its lead is not larger in small batches: {losses}"

# %% [markdown] tags=["inline-question"] question="conv-group-norm" points=2
# ### Inline question 3
#
# You train a network on images so large that only two of them fit into a batch.
#
# 1. Why does batch normalization suffer, and why does group normalization not? Name what the two experiments above show
#    of it.
# 2. Give a reason why one might still prefer batch normalization when batches of 64 are possible.
# 3. What goes wrong with group normalization for $G = C$ in a layer whose maps have shrunk to $1 \times 1$ pixel?

# %% [markdown] tags=["inline-answer"] question="conv-group-norm"
# <!-- BEGIN SOLUTION -->
# **Model answer.**
#
# 1. Batch normalization estimates each channel's mean and variance from the batch. From two images they are noisy (the
#    pixels of one image are strongly correlated, so many pixels don't make up for few images), each image's output
#    depends on the one other image it meets, and the running averages used at test time differ much from the statistics
#    used in training. Group normalization takes its statistics from one image. The batch size doesn't enter its
#    formula, and training and testing are the same computation. In the first experiment an image's own maps change by
#    about a third of their deviation with the one other image of a batch of 2, by a few percent in a batch of 128, and
#    not at all with group normalization. In the second, group normalization ends with the lower loss and the higher
#    accuracy in batches of 2; in batches of 32 the two are about equal, or batch normalization leads.
# 2. Any of: with 64 images the statistics are good, and their slight noise regularizes, so the network often
#    generalizes a little better (that is what Wu and He found at large batches); it needs no choice of $G$; it keeps
#    the differences *between* images (an image that is brighter or richer in contrast than others stays so), which
#    group normalization removes; at test time it is a fixed linear map and can be merged into the convolution before
#    it, so it costs nothing.
# 3. Each group then is a single number: its mean is the number itself, its variance 0, the normalized value 0, so the
#    output is $\beta$ whatever the image, and no gradient gets through.
#
# **Rubric** (2 points). 1 point for 1: half for the noisy estimates or the mismatch between training and testing, with
# one of the experiments, half for the independence of the batch. Half a point for one good reason in 2. Half a point
# for 3.
# <!-- END SOLUTION -->
