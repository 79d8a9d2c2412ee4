"""What a slip in a layer of the assignment costs: its own checks, and not those of what is built on that layer."""

from pathlib import Path

import pytest

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.course.catalogue import copy_reference
from grader.grading import run

MANIFEST = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
NET, LAYERS, UTILS = "classifiers/fc_net.py", "layers.py", "layer_utils.py"
BACKWARD = (NET, "batchnorm_backward_alt if", "batchnorm_backward if")
EPS_OUTSIDE = (LAYERS, "sigma = np.sqrt(var + eps)\n        x_hat", "sigma = np.sqrt(var) + 100 * eps\n        x_hat")
SLOPPY_BACKWARD = (LAYERS, "dx_centred = dx_hat / sigma", "dx_centred = dx_hat / (sigma + 1e-3)")


def loops(layer: str) -> list[tuple[str, str, str]]:
    """The network's helpers call the loops of a layer instead of the fast functions."""
    names = [f"{layer}_{way}_" for way in ("forward", "backward")]
    return [(UTILS, f"{name}fast(", f"{name}naive(") for name in names]


@pytest.fixture
def lost(tmp_path, zygotes):
    """Changes a copy of the reference and returns the checks that it does not pass, with their details."""

    def grade(questions: list[str], *changes: tuple[str, str, str]) -> dict[str, str]:
        package = copy_reference(MANIFEST, tmp_path / "student")
        for name, old, new in changes:
            text = (package / name).read_text()
            assert old in text, (name, old)
            (package / name).write_text(text.replace(old, new))
        selection = Selection(questions, timing=False)
        record = run.grade_package(MANIFEST, package, selection, zygotes=zygotes, keep=True)
        return {check.id: check.detail for check in record.checks if check.outcome != "passed"}

    return grade


@pytest.mark.parametrize(
    "questions, changes, judged",
    [
        (["Q1", "Q2"], [BACKWARD, SLOPPY_BACKWARD], "batchnorm"),
        (["Q1", "Q2"], [BACKWARD, EPS_OUTSIDE], "batchnorm"),
        (
            ["Q1", "Q2", "Q4"],
            [EPS_OUTSIDE, (LAYERS, "= batchnorm_backward_alt(dp", "= batchnorm_backward(dp")],
            "batchnorm",
        ),
        (
            ["Q1", "Q4"],
            [*loops("conv"), (LAYERS, "dw = dw_rows.reshape(w.shape)", "dw = dw_rows.reshape(w.shape) * 1.001")],
            "conv_backward_naive",
        ),
        (
            ["Q1", "Q4"],
            [
                *loops("max_pool"),
                (LAYERS, "out[:, :, i, j] = x[window].max", "out[:, :, i, j] = (1 + 0.1 * (C == 8)) * x[window].max"),
            ],
            "nothing",
        ),
    ],
    ids=["backward of batchnorm", "forward of batchnorm", "spatial batchnorm", "convolution", "pool"],
)
def test_networks_may_call_the_other_passes_of_a_layer_with_a_slip(lost, questions, changes, judged):
    assert {check: detail for check, detail in lost(questions, *changes).items() if judged not in check} == {}


GROUPS = (LAYERS, "groups = x.reshape(x.shape[0], G, -1)")
PLAIN = (LAYERS, "x_hat, sigma = _normalize(groups, axis=2, eps=eps)")
SIZE = [(*PLAIN, "x_hat, sigma = _normalize(groups, axis=2, eps=eps)\n    x_hat = x_hat / 2")]
SIZE += [(LAYERS, "x_hat, sigma, axis=2).reshape(dout.shape)", "2 * x_hat, sigma, axis=2).reshape(dout.shape) / 2")]
IDENTITY = [(*PLAIN, "x_hat, sigma = groups, 1.0")]
IDENTITY += [(LAYERS, "dx = _normalize_backward(dx_hat, x_hat, sigma, axis=2)", "dx = dx_hat")]


@pytest.mark.parametrize(
    "changes", [[(*GROUPS, "groups = x.reshape(x.shape[0], x.shape[1], -1)")], SIZE], ids=["each channel", "half"]
)
def test_a_slip_in_group_norm_does_not_cost_its_exact_gradient(lost, changes):
    found = lost(["Q4"], *changes)
    assert "q4_convolution/groupnorm[spatial_groupnorm_forward-2]" in found
    assert {check: detail for check, detail in found.items() if "spatial_groupnorm_backward" in check} == {}


def test_a_group_norm_that_normalizes_nothing_costs_its_gradients_too(lost):
    found = lost(["Q4"], *IDENTITY)
    assert len([check for check in found if "spatial_groupnorm_backward" in check]) >= 3
