"""Plots of training and of sweeps over a hyperparameter, all in one style."""

import io
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

# The colours of Okabe & Ito (2008), "Color Universal Design", which colour-blind readers can tell apart; without its
# yellow, which is too pale for a line on white, and with black last.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Neither does a reader need colour: the number of line styles and that of colours have no common divisor, so it takes
# 28 curves until a pair of them comes back.
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# A figure 9.5 inches wide at 100 dots an inch fits a notebook's column.
WIDTH = 9.5
STYLE = {
    "figure.dpi": 100,
    "figure.figsize": (0.6 * WIDTH, 3.4),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "figure.titlesize": 11,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.4",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.7,
    "xtick.color": "0.25",
    "ytick.color": "0.25",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "image.interpolation": "nearest",
    "image.cmap": "gray",
}
# More points than a panel has columns of dots only cost time and bytes.
MOST_POINTS = 300
# The pale curves behind the moving averages would cover each other if there were more.
MOST_PALE = 4
# A curve of fewer points is drawn as it is; a longer one also smoothed, over so many parts of its length.
SMOOTHED_FROM, SMOOTHED_PARTS = 60, 20


def use_style() -> None:
    """Draw all further matplotlib figures in the style of the plots below: colour-blind safe, light grid, 100 dpi."""
    import matplotlib as mpl

    mpl.rcParams.update(STYLE)
    styles = 4 * len(COLORS)
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(
        color=[COLORS[i % len(COLORS)] for i in range(styles)], linestyle=[LINES[i % len(LINES)] for i in range(styles)]
    )


@contextmanager
def styled():
    """Draw in the style, and leave matplotlib's settings as they were."""
    import matplotlib as mpl

    # Only the style's own settings are put back. plt.rc_context would put back "interactive" too, which the first
    # figure in a notebook turns on, and the notebook would show no later figure by itself.
    before = {name: mpl.rcParams[name] for name in STYLE}
    mpl.rcParams.update(STYLE)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def plot_histories(runs: Mapping[str, object], loss: bool = True, log_loss: bool = False, title: str | None = None):
    """Compare trainings: loss at each iteration, training and validation accuracy at each epoch, side by side.

    runs maps a label to a trained Solver, or to any object with loss_history, train_acc_history and val_acc_history.
    loss=False leaves out the loss; log_loss=True gives it a logarithmic axis. A long loss history is drawn pale, and
    its moving average over it.
    Returns the matplotlib Figure. Raises ValueError if there is no run, or one without a history.
    """
    import matplotlib.pyplot as plt

    _require_curves("plot_histories", runs)
    for label, run in runs.items():
        _require_histories("plot_histories", run, f"the run {label!r}")
    panels = ("loss", "train", "val") if loss else ("train", "val")
    with styled():
        fig, axes = plt.subplots(1, len(panels), figsize=(WIDTH * (1 if loss else 0.75), 3.3), squeeze=False)
        for panel, ax in zip(panels, axes[0], strict=True):
            for i, run in enumerate(runs.values()):
                if panel == "loss":
                    _draw_loss(ax, run.loss_history, i, pale=len(runs) <= MOST_PALE)
                else:
                    _draw_accuracy(ax, getattr(run, f"{panel}_acc_history"), i)
            if panel == "loss":
                _label_loss(ax, log_loss)
            else:
                _label_accuracy(ax, "Training accuracy" if panel == "train" else "Validation accuracy")
        if len(runs) > 1 or title:
            _legend_above(fig, list(runs), title)
    return shown_once(fig)


def plot_loss_and_accuracy(solver: object, log_loss: bool = False, title: str | None = None):
    """Show one training: the loss at each iteration, and training and validation accuracy at each epoch.

    solver is a trained Solver, or any object with its three histories; log_loss=True gives the loss a logarithmic axis.
    Returns the matplotlib Figure. Raises ValueError if a history is missing or empty.
    """
    import matplotlib.pyplot as plt

    _require_histories("plot_loss_and_accuracy", solver, "the solver")
    with styled():
        fig, (left, right) = plt.subplots(1, 2, figsize=(0.8 * WIDTH, 3.0))
        _draw_loss(left, solver.loss_history, 0)
        _label_loss(left, log_loss)
        _draw_accuracy(right, solver.train_acc_history, 0, label="training")
        _draw_accuracy(right, solver.val_acc_history, 1, label="validation")
        _label_accuracy(right, "Accuracy")
        right.legend()
        if title:
            fig.suptitle(title)
    return shown_once(fig)


def plot_sweep(
    x: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    logx: bool = True,
    logy: bool = False,
    percent: bool = False,
    title: str | None = None,
    ax=None,
):
    """Show how results depend on a hyperparameter: one curve, with a marker at each point, for each label.

    x are the values tried, (n,), and curves maps a label to n results; results that are not finite leave a gap.
    logx and logy make an axis logarithmic; percent labels fractions as percentages. ax is the matplotlib Axes to draw
    in, for several panels in a figure; without it a figure is made.
    Returns the matplotlib Figure. Raises ValueError if lengths differ, or if a logarithmic x is not positive.
    """
    import matplotlib.pyplot as plt

    _require_curves("plot_sweep", curves)
    x = np.asarray(x, dtype=float)
    for label, y in curves.items():
        if np.shape(y) != x.shape:
            raise ValueError(
                f"plot_sweep: {label!r} has the shape {np.shape(y)}, but x {x.shape}; give one y for each x."
            )
    if logx and not (x > 0).all():
        raise ValueError(f"plot_sweep: a logarithmic axis has no place for x = {x.min():g}; use logx=False.")
    with styled():
        ax = ax or plt.subplots()[1]
        for i, (label, y) in enumerate(curves.items()):
            ax.plot(x, _finite(y), label=label, **_look(i, marker=True))
        ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if logx:
            ax.set_xscale("log")
        if logy:
            ax.set_yscale("log")
        if percent:
            ax.yaxis.set_major_formatter(_percent)
        if len(curves) > 1:
            ax.legend()
    return shown_once(ax.figure)


def _require_curves(function: str, curves: Mapping) -> None:
    """Raise ValueError unless curves is a dict with something in it."""
    if not isinstance(curves, Mapping):
        raise ValueError(f"{function} takes a dict from label to curve, not {type(curves).__name__}.")
    if not curves:
        raise ValueError(f"{function}: there is nothing to plot; give at least one curve.")


def _require_histories(function: str, run: object, name: str) -> None:
    """Raise ValueError unless run has the three histories of a training, none of them empty."""
    for history in ("loss_history", "train_acc_history", "val_acc_history"):
        if not hasattr(run, history):
            raise ValueError(f"{function}: {name} has no {history}; give a trained Solver.")
        if not len(getattr(run, history)):
            raise ValueError(f"{function}: the {history} of {name} is empty; call its train() first.")


def _look(i: int, marker: bool = False) -> dict:
    """Return the colour, line style and marker of curve i."""
    look = {"color": COLORS[i % len(COLORS)], "linestyle": LINES[i % len(LINES)]}
    return look | {"marker": MARKERS[i % len(MARKERS)]} if marker else look


def _finite(y: Sequence[float]) -> np.ndarray:
    """Return y as floats with NaN, which leaves a gap in a curve, where it is infinite."""
    y = np.asarray(y, dtype=float)
    return np.where(np.isfinite(y), y, np.nan)


def _percent(fraction: float, _position: int) -> str:
    """Label a tick at a fraction, with a decimal if there is one."""
    return f"{100 * fraction:.4g}%"


def _smooth(y: np.ndarray, window: int) -> np.ndarray:
    """Return the centred moving average of y (n,) with weights falling to both sides, over what there is of the window.

    NaNs count nowhere and stay NaN.
    """
    weights, known = np.bartlett(window + 2)[1:-1], np.isfinite(y)
    total, sum_of_weights = (np.convolve(part, weights, mode="same") for part in (np.where(known, y, 0), known * 1.0))
    return np.where(known, total / np.where(known, sum_of_weights, 1), np.nan)


def _thin(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices and values of at most MOST_POINTS entries of y (n,): lowest and highest of each stretch."""
    kept = np.arange(len(y))
    if len(y) > MOST_POINTS:
        stretches = np.array_split(kept, MOST_POINTS // 2)
        # argmin and argmax both find a NaN first, so a gap in the curve stays
        ends = [(part[np.argmin(y[part])], part[np.argmax(y[part])]) for part in stretches]
        kept = np.unique(ends)
    return kept, y[kept]


def _draw_loss(ax, history: Sequence[float], i: int, pale: bool = True) -> None:
    """Draw a loss history as curve i; of a long one the moving average, over the history itself if pale."""
    y = _finite(history)
    if len(y) >= SMOOTHED_FROM:
        if pale:
            kept, values = _thin(y)
            ax.plot(kept + 1, values, "-", color=COLORS[i % len(COLORS)], linewidth=0.5, alpha=0.3, zorder=1)
        y = _smooth(y, window=len(y) // SMOOTHED_PARTS | 1)
    kept, values = _thin(y)
    ax.plot(kept + 1, values, **_look(i))


def _draw_accuracy(ax, history: Sequence[float], i: int, label: str | None = None) -> None:
    """Draw an accuracy history as curve i, with markers as long as they can be told apart."""
    ax.plot(np.arange(len(history)), history, label=label, **_look(i, marker=len(history) <= 40))


def _label_loss(ax, log: bool) -> None:
    """Label the axes of a loss curve."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set(xlabel="Iteration", ylabel="Training loss")
    ax.locator_params(axis="x", nbins=4)
    ax.locator_params(axis="y", nbins=6)
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif ax.get_ylim()[0] < 0:
        ax.set_ylim(bottom=0)


def _label_accuracy(ax, ylabel: str) -> None:
    """Label the axes of an accuracy curve; epochs are whole."""
    ax.set(xlabel="Epoch", ylabel=ylabel)
    ax.yaxis.set_major_formatter(_percent)
    ax.locator_params(axis="x", nbins=6, integer=True)
    ax.locator_params(axis="y", nbins=6)


def _legend_above(fig, labels: list[str], title: str | None) -> None:
    """Put one legend for all panels above them."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **_look(i, marker=True)) for i in range(len(labels))]
    fig.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 5), title=title)


def png(fig, colours: int | None = 64) -> bytes:
    """Return a figure as a PNG, with at most so many colours: 64 are enough for plots and a fourth of the bytes."""
    from PIL import Image

    file, small = io.BytesIO(), io.BytesIO()
    fig.savefig(file, format="png")
    image = Image.open(file).convert("RGB")
    (image if colours is None else image.quantize(colours)).save(small, format="png", optimize=True)
    return small.getvalue()


def shown_once(fig, colours: int | None = 64):
    """Let a notebook show fig once, as `png` makes it, whether it is the value of a cell or only drawn in it."""
    fig._ipython_display_ = partial(_display, fig, colours)
    return fig


def _display(fig, colours: int | None) -> None:
    """Show fig in a notebook, and take it off pyplot's list of figures to be shown at the cell's end."""
    import matplotlib.pyplot as plt
    from IPython.display import display

    display({"image/png": png(fig, colours), "text/plain": repr(fig)}, raw=True)
    plt.close(fig)
