"""The plots of the student's package: labelled, told apart without colour, small, and clear about wrong input."""

import io
import itertools
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from PIL import Image

matplotlib.use("agg")

import matplotlib.pyplot as plt

from reference import plots, vis_utils

ROOT = Path(__file__).parents[2]
# Okabe & Ito, "Color Universal Design" (2008), without yellow
COLOUR_BLIND_SAFE = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"}


@pytest.fixture(autouse=True)
def own_style():
    """Leaves matplotlib's settings and figures as they were."""
    with plt.rc_context():
        yield
    plt.close("all")


def trained(iterations=200, epochs=5, seed=0):
    """What a Solver holds after a training with a noisy loss."""
    rng = np.random.RandomState(seed)
    accuracy = np.linspace(0.1, 0.7, epochs + 1)
    loss = np.exp(-np.arange(iterations) / iterations) + 0.1 * rng.randn(iterations)
    return SimpleNamespace(loss_history=list(loss), train_acc_history=accuracy, val_acc_history=0.8 * accuracy)


def some_runs(n, **options):
    return {f"run {i}": trained(seed=i, **options) for i in range(n)}


def labels(fig):
    return [(ax.get_xlabel(), ax.get_ylabel()) for ax in fig.axes]


def strong_lines(ax):
    """The curves themselves, without the pale ones behind their moving averages."""
    return [line for line in ax.lines if line.get_alpha() is None]


def ticks(ax):
    """The labels of the y axis by their values."""
    ax.figure.canvas.draw()
    return {round(tick.get_loc(), 6): tick.label1.get_text() for tick in ax.yaxis.get_major_ticks()}


def test_histories_show_loss_and_both_accuracies_with_one_legend():
    fig = vis_utils.plot_histories(some_runs(4))
    assert labels(fig) == [
        ("Iteration", "Training loss"),
        ("Epoch", "Training accuracy"),
        ("Epoch", "Validation accuracy"),
    ]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == list(some_runs(4))
    assert all(len(strong_lines(ax)) == 4 for ax in fig.axes)
    assert list(fig.axes[1].lines[0].get_xdata()) == [0, 1, 2, 3, 4, 5]


def test_histories_can_do_without_the_loss():
    assert labels(vis_utils.plot_histories(some_runs(2), loss=False)) == [
        ("Epoch", "Training accuracy"),
        ("Epoch", "Validation accuracy"),
    ]


def test_a_curve_has_the_same_look_in_each_panel_and_in_the_legend():
    fig = vis_utils.plot_histories(some_runs(3))
    for i in range(3):
        curves = [strong_lines(ax)[i] for ax in fig.axes] + [fig.legends[0].get_lines()[i]]
        assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 1


def test_curves_are_told_apart_with_and_without_colour():
    assert set(plots.COLORS) == COLOUR_BLIND_SAFE and len(plots.COLORS) == 7
    looks = [plots._look(i, marker=True) for i in range(28)]
    assert len({tuple(look.values()) for look in looks}) == 28
    for first, second in itertools.pairwise(looks):
        assert all(first[key] != second[key] for key in ("color", "linestyle", "marker"))


def test_a_single_training_names_its_two_accuracies():
    fig = vis_utils.plot_loss_and_accuracy(trained(), title="Three layers")
    assert labels(fig) == [("Iteration", "Training loss"), ("Epoch", "Accuracy")]
    assert [text.get_text() for text in fig.axes[1].get_legend().get_texts()] == ["training", "validation"]
    assert fig.get_suptitle() == "Three layers"


@pytest.mark.parametrize("iterations, pale, points", [(30, 0, 30), (200, 1, 200), (100_000, 1, plots.MOST_POINTS)])
def test_a_long_loss_is_smoothed_over_its_thinned_self(iterations, pale, points):
    ax = vis_utils.plot_loss_and_accuracy(trained(iterations)).axes[0]
    assert len(ax.lines) == 1 + pale
    assert all(points * 0.5 < len(line.get_xdata()) <= points for line in ax.lines)
    assert ax.lines[-1].get_xdata()[0] in range(1, 1 + iterations // 100 + 1)
    roughness = [np.abs(np.diff(line.get_ydata())).mean() for line in ax.lines]
    assert not pale or roughness[-1] < 0.2 * roughness[0]


def test_thinning_keeps_the_extremes():
    y = np.zeros(10_000)
    y[1234], y[8765] = -3, 5
    kept, values = plots._thin(y)
    assert {1234, 8765} <= set(kept) and values.min() == -3 and values.max() == 5


def test_smoothing_keeps_level_and_slope_and_leaves_gaps():
    line = 2 + 0.5 * np.arange(50)
    np.testing.assert_allclose(plots._smooth(line, 7)[5:-5], line[5:-5])
    np.testing.assert_allclose(plots._smooth(np.full(9, 3.0), 5), 3)
    gap = np.where(np.arange(20) == 7, np.nan, 1.0)
    np.testing.assert_array_equal(plots._smooth(gap, 5), gap)


def test_a_loss_that_blew_up_leaves_a_gap():
    run = trained(100)
    run.loss_history[50:] = [np.inf, np.nan] * 25
    ax = vis_utils.plot_loss_and_accuracy(run).axes[0]
    assert np.isfinite(ax.get_ylim()).all() and ax.get_ylim()[1] < 5


def test_a_loss_can_have_a_logarithmic_axis_with_plain_numbers():
    ax = vis_utils.plot_loss_and_accuracy(trained(), log_loss=True).axes[0]
    assert ax.get_yscale() == "log"
    assert ax.yaxis.get_major_formatter()(0.5) == "0.5"


def test_a_sweep_is_logarithmic_labelled_and_has_a_legend():
    fig = vis_utils.plot_sweep([1e-3, 1e-2, 1e-1], {"a": [0, 0.5, 1], "b": [1, np.nan, 0]}, "Scale", "Accuracy")
    (ax,) = fig.axes
    assert labels(fig) == [("Scale", "Accuracy")]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert vis_utils.plot_sweep([0, 1], {"a": [0, 1]}, "x", "y", logx=False).axes[0].get_xscale() == "linear"


def test_sweeps_can_share_a_figure():
    fig, axes = plt.subplots(1, 2)
    assert vis_utils.plot_sweep([1, 2], {"a": [0.5, 1]}, "x", "Accuracy", percent=True, ax=axes[1]) is fig
    assert not axes[0].lines and len(axes[1].lines) == 1
    assert ticks(axes[1])[0.5] == "50%"


def test_percentages_have_the_decimals_that_their_ticks_need():
    run = trained()
    run.val_acc_history = np.linspace(0.1, 0.22, 6)
    fig = vis_utils.plot_histories({"run": run}, loss=False)
    assert ticks(fig.axes[0])[0.2] == "20%"
    assert {ticks(fig.axes[1])[0.125], ticks(fig.axes[1])[0.2]} == {"12.5%", "20%"}


def test_images_of_all_kinds_are_shown_as_they_are_or_stretched():
    import torch

    colour = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    images = [
        colour,
        Image.fromarray(colour),
        torch.from_numpy(colour).permute(2, 0, 1),
        colour / 255,
        colour[..., 0] - 20.0,
        colour[..., :1],
    ]
    fig = vis_utils.show_images(images, titles=list("abcdef"), columns=4)
    shown = [ax.images[0].get_array() for ax in fig.axes if ax.images]
    assert len(fig.axes) == 8 and [ax.get_title() for ax in fig.axes] == [*"abcdef", "", ""]
    for image in shown[:4]:
        np.testing.assert_allclose(image, colour / 255, atol=1e-6)
    assert (shown[4].shape, shown[4].min(), shown[4].max()) == ((4, 4), 0, 1)
    np.testing.assert_allclose(shown[5], colour[..., 0] / 255, atol=1e-6)


def test_a_long_title_is_cut_to_its_image():
    fig = vis_utils.show_images(np.zeros((1, 8, 8)), titles=["a title of many words that goes on and on"])
    assert fig.axes[0].get_title().endswith("…") and len(fig.axes[0].get_title()) < 25


@pytest.mark.parametrize(
    "draw, limit",
    [
        (lambda: vis_utils.plot_histories(some_runs(4, iterations=20_000)), 35_000),
        (lambda: vis_utils.plot_histories(some_runs(8, iterations=20_000)), 35_000),
        (lambda: vis_utils.plot_loss_and_accuracy(trained(20_000)), 25_000),
        (lambda: vis_utils.plot_sweep(np.logspace(-4, 0, 20), {"a": np.linspace(0, 1, 20)}, "x", "y"), 12_000),
    ],
    ids=["four", "eight", "one", "sweep"],
)
def test_a_plot_in_a_notebook_is_small_and_fits_its_column(draw, limit):
    picture = plots.png(draw())
    width, height = Image.open(io.BytesIO(picture)).size
    assert len(picture) < limit
    assert width <= 1000 and height <= 400


def test_few_colours_change_no_curve():
    fig = vis_utils.plot_histories(some_runs(2), loss=False)
    true, few = (np.asarray(Image.open(io.BytesIO(plots.png(fig, n))).convert("RGB"), int) for n in (None, 64))
    strong = np.isin(true @ [1 << 16, 1 << 8, 1], [int(colour[1:], 16) for colour in plots.COLORS])
    assert strong.sum() > 1000 and np.abs(few - true)[strong].max() < 25


def test_photographs_keep_all_their_colours():
    image = np.random.RandomState(0).randint(256, size=(32, 32, 3)).astype(np.uint8)
    assert vis_utils.show_images([image])._ipython_display_.args[1] is None


def test_the_style_reaches_figures_of_ones_own():
    vis_utils.use_style()
    fig, ax = plt.subplots()
    drawn = [ax.plot([0, 1], [i, i])[0] for i in range(3)]
    assert [line.get_color() for line in drawn] == list(plots.COLORS[:3])
    assert len({line.get_linestyle() for line in drawn}) == 3
    assert fig.dpi == 100 and ax.xaxis.get_gridlines()[0].get_visible()


def test_a_notebook_shows_a_figure_once(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    fig = vis_utils.plot_loss_and_accuracy(trained())
    assert plt.get_fignums() == [fig.number]
    fig._ipython_display_()
    assert [data["image/png"][:4] for data in shown] == [b"\x89PNG"]
    assert not plt.get_fignums()


def test_a_notebook_shows_each_figure_wherever_it_is_drawn():
    import nbformat
    from nbclient import NotebookClient

    cells = [
        "import sys; sys.path.insert(0, '.'); import numpy as np; from reference.vis_utils import *",
        "show_images(np.zeros((1, 4, 4)))",
        "show_images(np.zeros((1, 4, 4)));",
        "show_images(np.zeros((1, 4, 4)))\nfig = show_images(np.zeros((1, 4, 4)))",
        "import matplotlib.pyplot as plt; fig, ax = plt.subplots(); plot_sweep([1], {'a': [1]}, 'x', 'y', ax=ax)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}).execute()
    pictures = [["image/png" in output.get("data", {}) for output in cell.outputs] for cell in notebook.cells]
    assert pictures == [[], [True], [True], [True, True], [True]]


def test_drawing_leaves_the_settings_of_others():
    before = dict(plt.rcParams)
    vis_utils.plot_histories(some_runs(2))
    assert dict(plt.rcParams) == before


def untrained():
    return SimpleNamespace(loss_history=[], train_acc_history=[], val_acc_history=[])


@pytest.mark.parametrize(
    "draw, sentence",
    [
        (lambda: vis_utils.plot_histories({}), "there is nothing to plot"),
        (lambda: vis_utils.plot_histories([trained()]), "takes a dict from label to curve, not list"),
        (lambda: vis_utils.plot_histories({"sgd": 3}), "the run 'sgd' has no loss_history; give a trained Solver"),
        (lambda: vis_utils.plot_histories({"sgd": untrained()}), "loss_history of the run 'sgd' is empty; call its tr"),
        (lambda: vis_utils.plot_loss_and_accuracy(None), "the solver has no loss_history"),
        (lambda: vis_utils.plot_sweep([1, 2], {"a": [1]}, "x", "y"), r"'a' has the shape \(1,\), but x \(2,\)"),
        (lambda: vis_utils.plot_sweep([0, 1], {"a": [1, 2]}, "x", "y"), "no place for x = 0; use logx=False"),
        (lambda: vis_utils.plot_sweep([1], {}, "x", "y"), "there is nothing to plot"),
        (lambda: vis_utils.show_images([]), "there is no image to show"),
        (lambda: vis_utils.show_images(np.zeros((2, 4, 4)), titles=["a"]), "there are 1 titles for 2 images"),
        (lambda: vis_utils.show_images([np.zeros((4, 4)), np.zeros(4)]), r"image 1 has the shape \(4,\); it must be"),
    ],
)
def test_wrong_input_is_told_in_a_sentence(draw, sentence):
    with pytest.raises(ValueError, match=sentence):
        draw()
    assert not plt.get_fignums()
