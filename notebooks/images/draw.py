"""Draws the pictures of the notebooks: python notebooks/images/draw.py [folder]."""

import io
import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from PIL import Image

HERE = Path(__file__).resolve().parent
# colours of Okabe & Ito (2008), which colour-blind readers can tell apart
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
PALE_BLUE = "#CFE3F1"
INK, GREY = "#222222", "#777777"
FONTS = {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans"}


def canvas(width, height):
    """Returns a figure of this size in inches and its axes, whose units are inches too."""
    figure = Figure(figsize=(width, height), dpi=150)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def write(axes, x, y, text, **style):
    """Puts text centred on a point."""
    axes.text(x, y, text, **{"ha": "center", "va": "center", "color": INK, "fontsize": 9, **style})


def arrow(axes, start, end, color, **style):
    """Draws an arrow between two points."""
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=9, color=color, shrinkA=0, shrinkB=0, linewidth=1.3, **style
        )
    )


def edge(axes, start, end, forward, backward, shape="", reach=(0.25, 0.25), beside=0.22):
    """Draws a value going forward and its gradient coming back, between two nodes.

    `reach` is how far the nodes reach along the line between their centres, and `beside` the distance of the labels
    from that line: that of the value stands above it or to its left.
    """
    start, end = np.array(start, float), np.array(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    upright = abs(along[0]) < 0.1
    above = np.array([-1, 0] if upright else [-along[1], along[0]]) * (1 if along[0] > -0.1 else -1)
    first, last, middle = start + reach[0] * along, end - reach[1] * along, (start + end) / 2
    arrow(axes, first + 0.05 * above, last + 0.05 * above, BLUE)
    arrow(axes, last - 0.05 * above, first - 0.05 * above, ORANGE, linestyle=(0, (4, 2)))
    sides = ("right", "left") if upright else ("center", "center")
    write(axes, *(middle + beside * above), f"{forward}  {shape}".strip(), color=BLUE, ha=sides[0], fontsize=8.5)
    write(axes, *(middle - beside * above), backward, color=ORANGE, ha=sides[1], fontsize=8.5)


def node(axes, at, text, width=0.5, height=0.5, fill="white", **style):
    """Draws one step of a computation graph."""
    corner = at[0] - width / 2, at[1] - height / 2
    shape = f"round,pad=0,rounding_size={height / 2}"
    axes.add_patch(FancyBboxPatch(corner, width, height, shape, facecolor=fill, edgecolor=INK, linewidth=1.1, zorder=3))
    write(axes, *at, text, zorder=4, **style)


def batchnorm_graph():
    """The computation graph of batch normalization in train mode, with the names of values and gradients."""
    figure, axes = canvas(10, 3.15)
    top, low = 2.6, 1.1
    at = {"x": (0.4, top), "-": (2.2, top), "/": (5.85, top), "*": (7.35, top), "+": (8.6, top), "out": (9.6, top)}
    at |= {"mean": (1.3, low), "square": (2.9, low), "mean of squares": (4.25, low), "root": (5.85, low)}
    at |= {"gamma": (7.35, low), "beta": (8.6, low)}

    edge(axes, at["x"], at["-"], r"$x$", "dx, part 1", "(N, D)")
    edge(axes, at["x"], at["mean"], "", "", reach=(0.25, 0.29))
    write(axes, 0.98, 1.98, r"$x$", color=BLUE, fontsize=8.5)
    write(axes, 0.42, 1.72, "dx,\npart 2", color=ORANGE, fontsize=8.5)
    edge(axes, at["mean"], at["-"], "", "", reach=(0.29, 0.25))
    write(axes, 1.55, 2.0, r"$\mu$ (D,)", color=BLUE, fontsize=8.5, ha="center")
    write(axes, 1.92, 1.65, "dmu", color=ORANGE, fontsize=8.5)
    edge(axes, at["-"], at["/"], r"$x_c$", "dxc, part 1", "(N, D)")
    edge(axes, at["-"], at["square"], "", "", reach=(0.25, 0.28))
    write(axes, 2.8, 1.98, r"$x_c$", color=BLUE, fontsize=8.5)
    write(axes, 2.3, 1.42, "dxc,\npart 2", color=ORANGE, fontsize=8.5, ha="center")
    edge(axes, at["square"], at["mean of squares"], r"$x_c^2$", "dsq", reach=(0.32, 0.32))
    edge(axes, at["mean of squares"], at["root"], "var (D,)", "dvar", reach=(0.32, 0.4))
    edge(axes, at["root"], at["/"], r"$\sigma$ (D,)", "dsigma", beside=0.13)
    edge(axes, at["/"], at["*"], r"$\hat{x}$", "dx_hat", "(N, D)")
    edge(axes, at["gamma"], at["*"], r"$\gamma$ (D,)", "dgamma", beside=0.13)
    edge(axes, at["*"], at["+"], r"$\gamma \hat{x}$", "dout")
    edge(axes, at["beta"], at["+"], r"$\beta$ (D,)", "dbeta", beside=0.13)
    edge(axes, at["+"], at["out"], "out", "dout", reach=(0.25, 0.27))

    node(axes, at["x"], r"$x$", fill=PALE_BLUE, fontsize=11)
    for name, sign in {"-": r"$-$", "/": r"$\div$", "*": r"$\times$", "+": r"$+$"}.items():
        node(axes, at[name], sign, fontsize=13)
    for name in "mean", "square", "mean of squares":
        node(axes, at[name], name.split()[0], width=0.62, fontsize=8)
    node(axes, at["root"], r"$\sqrt{\;\cdot+\varepsilon}$", width=0.78, fontsize=8)
    for name, text in {"gamma": r"$\gamma$", "beta": r"$\beta$"}.items():
        node(axes, at[name], text, fill=PALE_BLUE, fontsize=11)
    node(axes, at["out"], "out", fill=PALE_BLUE, fontsize=8)
    # where a value feeds two steps, on the rim of the node that it leaves
    for name in "x", "-":
        axes.plot(at[name][0] + 0.18, at[name][1] - 0.18, "o", color=INK, markersize=5, zorder=5)

    arrow(axes, (0.9, 0.3), (1.35, 0.3), BLUE)
    write(axes, 1.45, 0.3, "forward: a value and its shape", ha="left", fontsize=8.5)
    arrow(axes, (4.6, 0.3), (4.15, 0.3), ORANGE, linestyle=(0, (4, 2)))
    write(axes, 4.7, 0.3, "backward: its gradient", ha="left", fontsize=8.5)
    axes.plot(6.9, 0.3, "o", color=INK, markersize=5)
    write(axes, 7.05, 0.3, "fan-out: here gradients add up", ha="left", fontsize=8.5)
    return figure


def table(axes, left, top, values, cell, fills=None, fontsize=8):
    """Draws numbers in square cells, the upper left corner at (left, top)."""
    for (i, j), value in np.ndenumerate(np.atleast_2d(values)):
        fill = fills[i][j] if fills is not None else "white"
        x, y = left + j * cell, top - (i + 1) * cell
        axes.add_patch(Rectangle((x, y), cell, cell, facecolor=fill, edgecolor=GREY, linewidth=0.7))
        write(axes, x + cell / 2, y + cell / 2, str(value), fontsize=fontsize)


def im2col():
    """How the windows of an image become the columns of a matrix, and a convolution one matrix product."""
    figure, axes = canvas(9.2, 3.55)
    image, cell, large = np.arange(16).reshape(4, 4), 0.33, 0.46
    windows = list(np.ndindex(2, 2))
    colours = [BLUE, ORANGE, GREEN, PINK]
    left, top, middle = 0.2, 2.5, 1.58
    table(axes, left, top, image, large)
    for k, (i, j) in enumerate(windows):
        inset = 0.02 + 0.03 * k
        corner, side = (left + j * large + inset, top - (i + 3) * large + inset), 3 * large - 2 * inset
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colours[k], linewidth=1.8))
    write(axes, left + 2 * large, top + 0.4, "one channel of an image,\nand its four 3×3 windows", fontsize=8.5)

    left = 2.4
    table(axes, left, middle + cell / 2, [[rf"$w_{k}$" for k in range(9)]], cell)
    write(axes, left + 4.5 * cell, middle + 0.42, "the filter, as a row", fontsize=8.5)
    write(axes, 5.51, middle, "·", fontsize=18)

    left = 5.65
    columns = np.stack([image[i : i + 3, j : j + 3].ravel() for i, j in windows], axis=1)
    pale = [PALE_BLUE, "#F8D9C6", "#CBE9DF", "#F3DDEA"]
    table(axes, left, middle + 4.5 * cell, columns, cell, [pale] * 9)
    write(axes, left + 2 * cell, middle + 4.5 * cell + 0.2, "the windows, as columns", fontsize=8.5)
    write(axes, 7.2, middle, "=", fontsize=14)
    table(axes, 7.45, middle + cell / 2, [[""] * 4], cell, [pale])
    write(axes, 7.45 + 2 * cell, middle + 0.5, "the output,\none number a window", fontsize=8.5)
    return figure


def normalization_axes():
    """Which entries of a batch of images share one mean and one variance, for four kinds of normalization."""
    figure, axes = canvas(9.6, 2.8)
    samples, channels, cell = 4, 6, 0.33
    kinds = {
        "batch norm": (samples, 1),
        "layer norm": (1, channels),
        "instance norm": (1, 1),
        "group norm, G = 2": (1, channels // 2),
    }
    top, width, height = 2.1, channels * cell, samples * cell
    for k, (name, (rows, columns)) in enumerate(kinds.items()):
        left = 0.52 + 2.3 * k
        write(axes, left + width / 2, top + 0.48, name, fontsize=10.5)
        write(axes, left + width / 2, top + 0.18, f"C = {channels} channels", fontsize=7.5, color=GREY)
        for i, j in np.ndindex(samples, channels):
            chosen = i < rows and j < columns
            thumbnail(axes, left + j * cell, top - (i + 1) * cell, cell, BLUE if chosen else "#BBBBBB")
        for i, j in np.ndindex(samples // rows, channels // columns):
            corner, first = (left + j * columns * cell, top - (i + 1) * rows * cell), i == j == 0
            look = {"edgecolor": BLUE, "linewidth": 2, "zorder": 4} if first else {"edgecolor": INK, "linewidth": 0.8}
            axes.add_patch(Rectangle(corner, columns * cell, rows * cell, fill=False, **look))
        groups = (samples // rows) * (channels // columns)
        write(axes, left + width / 2, top - height - 0.22, f"{groups} means, {groups} variances", fontsize=8.5)
    write(axes, 0.3, top - height / 2, f"N = {samples} images", fontsize=7.5, color=GREY, rotation=90)
    text = "Nine small squares: one channel of an image, H × W pixels. Pixels in one frame share a mean and a variance."
    write(axes, 4.8, 0.17, text, fontsize=8.5)
    return figure


def thumbnail(axes, x, y, cell, color):
    """Draws a map of three by three pixels into a square cell."""
    pixel = cell / 4
    for i, j in np.ndindex(3, 3):
        corner = x + (0.6 + j) * pixel, y + (0.6 + i) * pixel
        axes.add_patch(Rectangle(corner, 0.8 * pixel, 0.8 * pixel, facecolor=color, alpha=0.55, linewidth=0))


PICTURES = {picture.__name__: picture for picture in (batchnorm_graph, im2col, normalization_axes)}


def save(figure, path):
    """Saves a figure as a PNG of 64 colours, which is a fraction of the size and looks the same."""
    file = io.BytesIO()
    figure.savefig(file, facecolor="white")
    Image.open(file).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, picture in PICTURES.items():
        with matplotlib.rc_context(FONTS):
            save(picture(), folder / f"{name}.png")
