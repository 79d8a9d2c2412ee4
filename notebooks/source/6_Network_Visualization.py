# %% [markdown] tags=["pdf-title"]
# # Looking into a network
#
# Training follows the gradient of a loss with respect to the *weights*. The same backward pass gives, for nothing more,
# the gradient of any score with respect to the *image*: what would have to change in the picture for the network to
# change its mind. In this notebook the weights stay frozen, and you use that gradient for three things:
#
# 1. **Saliency maps** ask which pixels a decision depends on.
# 2. **Fooling images** change a picture so little that you hardly see it, and the network sees something else.
# 3. **Class visualization** starts from noise and paints what a class looks like to the network.
#
# **Time:** about an hour of work; the cells run for a minute in all.
#
# **You hand in** this notebook with its outputs and one answered question, and `net_visualization_pytorch.py` with
# three functions.

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
# %matplotlib inline
import random
import sys
from pathlib import Path

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "assignment.toml").is_file())
sys.path.insert(0, str(root))

import matplotlib.pyplot as plt
import torch
from PIL import Image

from grader.otter_adapter import Checks
from student.image_utils import SQUEEZENET_MEAN, SQUEEZENET_STD
from student.net_visualization_pytorch import (
    blur_image,
    class_visualization_update_step,
    compute_saliency_maps,
    deprocess,
    difference_image,
    jitter,
    make_fooling_image,
    preprocess,
)
from student.pretrained import example_images, load_squeezenet
from student.vis_utils import show_images, use_style

use_style()
grader = Checks()
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# ## A trained network and its pictures
#
# The network is **SqueezeNet 1.1** (Iandola et al. 2016). It was designed to do with few weights what AlexNet needed 60
# million for: most of its convolutions are 1x1, and a 3x3 convolution only ever sees the few channels that a 1x1
# "squeeze" has left over. There is no large fully connected layer; the scores are averages over the last feature map,
# so it takes images of any size.
#
# If ImageNet's weights and sample pictures can be had, they are used. If not, the course brings a SqueezeNet trained on
# Shapes-10, and pictures of Shapes-10 at the size that it knows. Everything below works with either.
#
# Networks expect their inputs as in training: `preprocess` makes of a picture a tensor `(1, 3, H, W)`, scaled to 0 to
# 1, minus the mean of each colour channel and divided by its standard deviation. `deprocess` takes it back.

# %% tags=["figure"]
model, classes = load_squeezenet()
model = model.to(device)
size = model.image_size
images, y, _ = example_images(5)

X = torch.cat([preprocess(Image.fromarray(image), size) for image in images]).to(device)
y = torch.as_tensor(y, device=device)
with torch.no_grad():
    probabilities = model(X).softmax(dim=1)

print(f"SqueezeNet 1.1: {sum(p.numel() for p in model.parameters()):,} weights, {len(classes)} classes, {size} pixels")
for i, label in enumerate(y.tolist()):
    guess = probabilities[i].argmax().item()
    print(f"picture {i}: {classes[label]:24.24} taken for {classes[guess]:24.24} ({probabilities[i, guess]:.1%})")
show_images(images, titles=[classes[label] for label in y.tolist()], size=1.8)
# %% [markdown]
# All parameters have `requires_grad=False`: `backward` then computes only what is asked for, the gradient with respect
# to the image. The network is in eval mode, so dropout is off and the same picture always gets the same scores.
#
# ## Saliency maps
#
# How much does each pixel matter for the score $s_y$ of the correct class? Near the picture $I_0$ the score is almost
# linear (Simonyan et al. 2014),
#
# $$s_y(I) \approx s_y(I_0) + \sum_{c,i,j} w_{c i j}\,(I - I_0)_{c i j},
# \qquad w = \left.\frac{\partial s_y}{\partial I}\right|_{I_0},$$
#
# so a small change of the pixel at $(i, j)$ moves the score by at most a multiple of the largest $|w_{cij}|$ among its
# three colour channels. That is the saliency:
#
# $$M_{ij} = \max_c\, |w_{c i j}|.$$
#
# Take the *score*, not the probability after softmax, which could also rise because another class loses.
#
# ### Picking one score per row
#
# For a batch you need from each row of the scores the entry of that row's class. `gather` does it: along dimension 1 it
# takes from row $n$ the column that `index[n]` names.

# %%
scores = torch.arange(20).view(4, 5)
wanted = torch.tensor([1, 2, 1, 3])
print(scores)
print("picked:", scores.gather(1, wanted.view(-1, 1)).view(-1).tolist())

# %% [markdown]
# One backward pass is enough for the whole batch. Picture $n$ has no influence on the scores of the others, so the
# gradient of the **sum** of the picked scores holds in its slice $n$ the gradient of score $n$ alone.
#
# ### Exercise: saliency maps
#
# Write **`compute_saliency_maps`** in `student/net_visualization_pytorch.py`. The figure shows each picture, its map,
# and the map blurred. Expect the bright pixels to gather on the object, most of all at parts that tell its class from
# others, such as corners, and darkness at the border of the picture. The maps are grainy, since the slope of a network
# of ReLUs changes from pixel to pixel, and show a faint lattice: convolutions and pools with a stride of 2 look at some
# pixels more often than at their neighbours.

# %% tags=["figure"]
saliency = compute_saliency_maps(X, y, model).cpu()
smooth = blur_image(saliency.unsqueeze(1).clone(), sigma=size / 48).squeeze(1)
fig, axes = plt.subplots(3, len(X), figsize=(1.8 * len(X), 5.6), squeeze=False)
for i, label in enumerate(y.tolist()):
    axes[0, i].imshow(images[i])
    axes[0, i].set_title(classes[label][:22], fontsize=9)
    axes[1, i].imshow(saliency[i], cmap="inferno", vmin=0, vmax=saliency[i].quantile(0.99))
    axes[2, i].imshow(smooth[i], cmap="inferno")
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %%
grader.check("q6_compute_saliency_maps")

# %% tags=["proof"]
margin = size // 8
inner = saliency[:, margin:-margin, margin:-margin]
outer = (saliency.sum() - inner.sum()) / (saliency.numel() - inner.numel())
assert inner.mean() > 2 * outer, "saliency gathers where the objects are"

# %% [markdown] tags=["inline-question"] question="saliency-for-ascent" points=2
# ### Inline question 1
#
# The next two sections change an image by gradient ascent, $I \leftarrow I + \eta\, g$, to raise the score of a class.
# A friend proposes to use the saliency map $M$ of that class in place of the gradient $g$, since it shows which pixels
# matter. Does this work? Say which information in $g$ the map no longer has, and what the proposed step would do to the
# picture and to the score.

# %% [markdown] tags=["inline-answer"] question="saliency-for-ascent"
# <!-- BEGIN SOLUTION -->
# No. The map is $\max_c |g_{cij}|$: taking the absolute value loses the **sign**, taking the maximum loses which
# **channel** the value came from. $M$ has the shape $(H, W)$ and no negative entry, so a step along it can only
# brighten pixels, all three channels by the same amount, whether the score wants a pixel brighter, darker or of another
# colour. To first order the score changes by $\eta \sum_{ij} M_{ij} \sum_c g_{cij}$. The factor $\sum_c g_{cij}$ is
# negative wherever the score asks for darker, and nothing makes the sum positive: the score may as well fall, while
# $\eta \|g\|^2$ is never negative. The map says *where* a change matters, not in *which direction*.
#
# Rubric (2 points):
# - 1 point: no, with the lost sign: $M \ge 0$ can only brighten, although the score may want pixels darker, so the
#   score may fall. "It is less accurate" alone is not enough.
# - 1 point: the lost channel (or shape): one value for three channels, so no change of colour can be expressed. Naming
#   only the shape mismatch, without what it does to the picture, earns half of it.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Fooling images
#
# Give the network a picture and a class that isn't in it, and climb the score of that class until it wins (Szegedy et
# al. 2014):
#
# $$X \leftarrow X + \eta\, \frac{g}{\lVert g \rVert_2}, \qquad g = \frac{\partial s_{\text{target}}}{\partial X}.$$
#
# The normalized step has the same length $\eta$ wherever you are, so the learning rate needs no tuning from picture to
# picture.
#
# ### Exercise: fool the network
#
# Write **`make_fooling_image`**. It stops as soon as the target has the highest score; that usually takes fewer than a
# hundred steps. Before you run the cell, guess: how different will the picture have to look?

# %%
chosen = 0
target = 6
X_fooling = make_fooling_image(X[chosen : chosen + 1], target, model)

with torch.no_grad():
    before, after = (model(x).softmax(dim=1)[0] for x in (X[chosen : chosen + 1], X_fooling))
assert after.argmax().item() == target, "The network is not fooled: its highest score is not the target's."
change = (X_fooling - X[chosen : chosen + 1]).norm() / X[chosen].norm()
for name, p in (("before", before), ("after", after)):
    print(f"{name:6}: {classes[y[chosen].item()]} {p[y[chosen]]:.2%}, {classes[target]} {p[target]:.2%}")
print(f"the change has {change:.1%} of the picture's length")

# %% [markdown]
# Four pictures: the original, the fooling image, and the difference of the two, as it is and ten times as strong. Grey
# means no change.

# %% tags=["figure"]
original, fooled = X[chosen : chosen + 1].detach(), X_fooling
pictures = [
    deprocess(original, should_rescale=False),
    deprocess(fooled, should_rescale=False),
    difference_image(original, fooled),
    difference_image(original, fooled, gain=10),
]
titles = [classes[y[chosen].item()], f"taken for {classes[target]}", "difference", "difference x 10"]
show_images(pictures, titles=titles, size=2.2)
# %%
grader.check("q6_make_fooling_image")

# %% tags=["proof"]
assert change < 0.2, f"a fooling image should look like the original, but the change has {change:.0%} of its length"

# %% [markdown]
# To us the second picture shows what the first one does. Every pixel was moved by a trifle, but each in the direction
# that the network adds up, and tens of thousands of trifles add up: for a linear score $w^T x$, a step of $\epsilon$
# per pixel along $\text{sign}(w)$ changes it by $\epsilon \lVert w \rVert_1$, which grows with the number of pixels
# while the picture looks the same (Goodfellow et al. 2015).
#
# Look at the strengthened difference: is there something of the target in it? In a network trained in the usual way
# there is hardly anything but grain. The SqueezeNet for Shapes-10 was shown, in the last part of its training, pictures
# that had been pushed a little towards other classes; to fool it takes more, and its gradient has to draw parts of
# shapes.
#
# ## Class visualization
#
# Now start from random noise instead of a picture, and climb for longer. What is there to see when the network is as
# sure as can be? For class $y$, look for (Simonyan et al. 2014)
#
# $$I^* = \arg\max_I\; s_y(I) - \lambda \lVert I \rVert_2^2.$$
#
# As the fooling image showed, a high score alone doesn't make a picture. Three regularizers, one explicit and two
# implicit, take away what the score would otherwise be raised by (Yosinski et al. 2015):
#
# - the term $\lambda \lVert I \rVert_2^2$ punishes extreme pixels,
# - a slight **blur** every few steps takes away fine grain, which costs little and means nothing,
# - a random shift (**jitter**) before each step, undone after it, so that no pattern may depend on exact positions.
#
# ### Exercise: one step
#
# Write **`class_visualization_update_step`**: one step of normalized gradient ascent on $s_y(I) - \lambda \lVert I
# \rVert_2^2$, in place.

# %%
grader.check("q6_class_visualization_update_step")

# %% [markdown]
# The loop around it is given. Read how the jitter is undone and how pixels are kept in the range that a real picture
# has.


# %%
def create_class_visualization(target_y, model, dtype, **kwargs):
    """Paint an image that the model gives a high score for class target_y, and show it on the way.

    dtype: type of the image tensor. Options: l2_reg, learning_rate, num_iterations, blur_every, max_jitter (pixels),
    show_every. Returns the final image as a PIL image.
    """
    l2_reg = kwargs.pop("l2_reg", 1e-3)
    learning_rate = kwargs.pop("learning_rate", 25)
    num_iterations = kwargs.pop("num_iterations", 100)
    blur_every = kwargs.pop("blur_every", 10)
    max_jitter = kwargs.pop("max_jitter", 16)
    show_every = kwargs.pop("show_every", 25)
    assert not kwargs, f"unknown options: {sorted(kwargs)}"

    mean, std = (
        torch.tensor(v, dtype=dtype, device=device).view(1, 3, 1, 1) for v in (SQUEEZENET_MEAN, SQUEEZENET_STD)
    )
    low, high = -mean / std, (1 - mean) / std
    img = torch.randn(1, 3, model.image_size, model.image_size, dtype=dtype, device=device).requires_grad_()
    shown, titles = [], []
    for t in range(1, num_iterations + 1):
        ox, oy = random.randint(0, max_jitter), random.randint(0, max_jitter)
        img.data.copy_(jitter(img.data, ox, oy))
        class_visualization_update_step(img, model, target_y, l2_reg, learning_rate)
        img.data.copy_(jitter(img.data, -ox, -oy))
        img.data.copy_(img.data.clamp(low, high))
        if t % blur_every == 0:
            blur_image(img.data, sigma=0.5)
        if t == 1 or t % show_every == 0 or t == num_iterations:
            shown.append(deprocess(img.clone().cpu()))
            titles.append(f"step {t}")
    show_images(shown, titles=titles, size=1.8, title=classes[target_y])
    return shown[-1]


# %% [markdown]
# Paint a class. For ImageNet, try the tarantula (76), a tick (78), a Yorkshire terrier (187), an oboe (683), a gorilla
# (366) or a snail (113); for Shapes-10, the heart (7), the star (4), the ring (1) or the arrow (9).
#
# What appears depends on what the network has learned from. Every picture of Shapes-10 shows one shape near its middle,
# on any ground and in any colour: so expect one shape near the middle, its outline clearer than its colour. ImageNet's
# objects are photographed at any place and size, and the network averages its scores over all positions: there, expect
# the parts that tell a class from the others, repeated all over the image, such as hairy legs for the tarantula.
#
# The step and the shifts are measured in pixels, so they suit a picture of 224 pixels and are made smaller for a
# smaller one.

# %% tags=["figure"]
torch.manual_seed(231)
random.seed(231)
target = 76 if len(classes) == 1000 else 7
scale = size / 224
options = {"learning_rate": 25 * scale, "max_jitter": round(16 * scale), "blur_every": 5}
options["num_iterations"] = 50 if quick else 100
painted = create_class_visualization(target, model, torch.float32, **options)

# %% tags=["proof"]
with torch.no_grad():
    seen = model(preprocess(painted, size).to(device)).softmax(dim=1)[0]
assert seen.argmax().item() == target, f"the painted {classes[target]} is taken for {classes[seen.argmax().item()]}"

# %% [markdown]
# ### A random class
#
# And another one, drawn by lot; run the cell as often as you like. Play with the options too: what becomes of the
# picture with `max_jitter=0`, with `l2_reg=0`, without blur (`blur_every=1000`)?

# %% tags=["figure"]
target = random.randrange(len(classes))
options["num_iterations"] = 10 if quick else 100
painted = create_class_visualization(target, model, torch.float32, **options)
