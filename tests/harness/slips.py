"""Thirty-one typical slips of students, and the first sentence that each gets.

`python -m tests.harness.slips [WORD …]` makes each slip in a copy of the reference, runs the public checks of its
function, and prints the sentence of the first that fails. Read it without the code: does it lead to the line?
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.course.catalogue import copy_reference
from grader.course.manifest import Manifest
from grader.grading import run
from grader.results.record import CheckResult
from grader.sandbox.parent.zygote_pool import ZygotePool

ROOT = Path(__file__).parents[2]
LAYERS, OPTIM, NET, CNN = "layers.py", "optim.py", "classifiers/fc_net.py", "classifiers/cnn.py"
TORCH, SEEING, CHALLENGE = "pytorch_nets.py", "net_visualization_pytorch.py", "challenge.py"
FC_NET, CONV_NET = "classifiers.fc_net.FullyConnectedNet", "classifiers.cnn.ThreeLayerConvNet"


@dataclass(frozen=True)
class Slip:
    """One slip: what was written instead of what in a file, whose checks run, and words that its sentence must hold."""

    title: str
    function: str
    file: str
    old: str
    new: str
    words: str


SLIPS = [
    Slip(
        "return forgotten",
        "layers.affine_backward",
        LAYERS,
        "    return dx, dw, db\n\n\ndef relu_forward",
        "\n\ndef relu_forward",
        "returned None, expected 3 values (dx, dw, db); is a return missing?",
    ),
    Slip(
        "only the loss returned",
        "layers.softmax_loss",
        LAYERS,
        "    return loss, dx\n",
        "    return loss\n",
        "returned 1 value, expected 2 (loss, dx)",
    ),
    Slip(
        "cache not returned",
        "layers.relu_forward",
        LAYERS,
        "    cache = x\n    return out, cache",
        "    cache = x\n    return out",
        "returned 1 value, expected 2 (out, cache)",
    ),
    Slip(
        "results in another order",
        "layers.affine_backward",
        LAYERS,
        "return dx, dw, db\n\n\ndef relu_forward",
        "return dw, dx, db\n\n\ndef relu_forward",
        "dx: is what dw should be; are the results in another order?",
    ),
    Slip(
        "db keeps its axis",
        "layers.affine_backward",
        LAYERS,
        "db = dout.sum(axis=0)\n    # END SOLUTION\n    return dx, dw, db\n\n\ndef relu",
        "db = dout.sum(axis=0, keepdims=True)\n    # END SOLUTION\n    return dx, dw, db\n\n\ndef relu",
        "db: right values in shape",
    ),
    Slip(
        "weights not transposed",
        "layers.affine_backward",
        LAYERS,
        "dx = (dout @ w.T).reshape(x.shape)",
        "dx = (dout @ w).reshape(x.shape)",
        "here dout (5, 4), w (6, 4), x (5, 6)",
    ),
    Slip(
        "not divided by N",
        "layers.softmax_loss",
        LAYERS,
        "    dx /= N\n",
        "",
        "every value is 5 times the right one",
    ),
    Slip(
        "exponentials overflow",
        "layers.softmax_loss",
        LAYERS,
        "shifted = x - x.max(axis=1, keepdims=True)",
        "shifted = x",
        "loss: is infinite; does an exp overflow",
    ),
    Slip(
        "relu in place",
        "layers.relu_forward",
        LAYERS,
        "out = np.maximum(x, 0)",
        "x[x < 0] = 0\n    out = x",
        "changes its argument x in place",
    ),
    Slip(
        "indexing a cache that is no tuple",
        "layers.relu_backward",
        LAYERS,
        "    x = cache\n    # BEGIN SOLUTION\n    dx = dout * (x > 0)",
        "    x, _ = cache\n    dx = dout * (x > 0)",
        "x, _ = cache); here cache (5, 6)",
    ),
    Slip(
        "a list instead of an array",
        "layers.relu_backward",
        LAYERS,
        "dx = dout * (x > 0)",
        "dx = [[d * (v > 0) for d, v in zip(*rows)] for rows in zip(dout, x)]",
        "dx: is a list, expected an array",
    ),
    Slip(
        "np.matrix",
        "layers.affine_forward",
        LAYERS,
        "out = rows @ w + b\n",
        "out = np.matrix(rows) * np.matrix(w) + b\n",
        "out: is an np.matrix",
    ),
    Slip(
        "longdouble",
        "layers.softmax_loss",
        LAYERS,
        "shifted = x - x.max(axis=1, keepdims=True)",
        "shifted = (x - x.max(axis=1, keepdims=True)).astype(np.longdouble)",
        "longdouble",
    ),
    Slip(
        "float32 inside",
        "layers.affine_backward",
        LAYERS,
        "dw = rows.T @ dout\n",
        "dw = rows.T.astype(np.float32) @ dout.astype(np.float32)\n",
        "dw",
    ),
    Slip(
        "misspelt function",
        "layers.affine_forward",
        LAYERS,
        "def affine_forward(",
        "def afine_forward(",
        "layers.affine_forward is not there, but layers.afine_forward is",
    ),
    Slip(
        "misspelt variable",
        "layers.layernorm_forward",
        LAYERS,
        "x_hat, sigma = _normalize(x, axis=1, eps=eps)\n    out = gamma * x_hat + beta",
        "xhat, sigma = _normalize(x, axis=1, eps=eps)\n    out = gamma * x_hat + beta",
        "name 'x_hat' is not defined",
    ),
    Slip(
        "breakpoint left in",
        "layers.batchnorm_backward",
        LAYERS,
        "    x_hat, sigma, gamma = cache\n    N = dout.shape[0]\n    # out_nd",
        "    x_hat, sigma, gamma = cache\n    import pdb; pdb.set_trace()\n    N = dout.shape[0]\n    # out_nd",
        "a breakpoint was left in (layers.py, line",
    ),
    Slip(
        "running statistics not written back",
        "layers.batchnorm_forward",
        LAYERS,
        'bn_param["running_mean"] = running_mean',
        'bn_param["mean"] = running_mean',
        "bn_param['running_mean']: is None; is a return or an assignment missing?",
    ),
    Slip(
        "variance over N - 1",
        "layers.batchnorm_forward",
        LAYERS,
        "var = np.square(x_centred).mean(axis=0)",
        "var = x.var(axis=0, ddof=1)",
        "every value is 0.866 (the root of 3/4) times the right one",
    ),
    Slip(
        "log file written",
        "layers.layernorm_backward",
        LAYERS,
        "    dx = _normalize_backward(gamma * dout, x_hat, sigma, axis=1)\n",
        '    dx = _normalize_backward(gamma * dout, x_hat, sigma, axis=1)\n    np.savetxt("dx.txt", dx)\n',
        "layernorm_backward writes a file, which graded code may not",
    ),
    Slip(
        "dropout scales by 1 - p",
        "layers.dropout_forward",
        LAYERS,
        "< p).astype(x.dtype) / p",
        "< p).astype(x.dtype) / (1 - p)",
        "every value is 0.6667 (2/3) times the right one",
    ),
    Slip(
        "wrong key of a gradient",
        f"{FC_NET}.loss",
        NET,
        'dx, grads[f"W{i}"], grads[f"b{i}"] = affine_backward(da, fc_cache)',
        'dx, grads[f"w{i}"], grads[f"b{i}"] = affine_backward(da, fc_cache)',
        "W1",
    ),
    Slip(
        "another name in the end",
        f"{FC_NET}.loss",
        NET,
        "        return loss, grads",
        '        grads = {name.replace("W", "W_"): grad for name, grad in grads.items()}\n        return loss, grads',
        "grads has no 'W1', but 'W_1'",
    ),
    Slip(
        "helper returns only out",
        f"{FC_NET}.loss",
        NET,
        "return h, (fc_cache, norm_cache, relu_cache, dropout_cache)",
        "return h",
        "too many values to unpack",
    ),
    Slip(
        "reg without the half",
        f"{FC_NET}.loss",
        NET,
        "loss += 0.5 * self.reg * np.sum(W**2)",
        "loss += self.reg * np.sum(W**2)",
        "it is 2 times the right one",
    ),
    Slip(
        "velocity not stored",
        "optim.sgd_momentum",
        OPTIM,
        'config["velocity"] = v',
        'config["v"] = v',
        "config['velocity']: is what it was before the step",
    ),
    Slip(
        "t not incremented",
        "optim.adam",
        OPTIM,
        '    config["t"] += 1\n',
        "",
        "is 0 divided by 0",
    ),
    Slip(
        "pool by integer images",
        "layers.max_pool_forward_naive",
        LAYERS,
        "out = np.empty((N, C, H_out, W_out), dtype=x.dtype)",
        "out = np.empty((N, C, H_out, W_out), dtype=int)",
        "expected floating point; is an array made with an integer dtype on the way?",
    ),
    Slip(
        "a GPU by name",
        "pytorch_nets.three_layer_params",
        TORCH,
        'options = {"device": device, "dtype": dtype}',
        'options = {"device": "cuda", "dtype": dtype}',
        "asks for a GPU",
    ),
    Slip(
        "detached scores",
        "pytorch_nets.three_layer_convnet",
        TORCH,
        "scores = flatten(hidden) @ fc_w + fc_b",
        "scores = (flatten(hidden) @ fc_w + fc_b).detach()",
        "do not require a gradient; were they detached?",
    ),
    Slip(
        "descent instead of ascent",
        "net_visualization_pytorch.make_fooling_image",
        SEEING,
        "X_fooling += learning_rate * g / g.norm()",
        "X_fooling -= learning_rate * g / g.norm()",
        "was its gradient subtracted?",
    ),
]


def first_failure(slip: Slip, manifest: Manifest, folder: Path, zygotes: ZygotePool) -> CheckResult:
    """Makes a slip in a copy of the reference and returns the first public check that fails, by its place in its file.

    Raises LookupError where the text to replace does not stand there once, or where no check fails.
    """
    package = copy_reference(manifest, folder / "student")
    text = (package / slip.file).read_text()
    if text.count(slip.old) != 1:
        raise LookupError(f"{slip.title}: its text stands {text.count(slip.old)} times in {slip.file}")
    (package / slip.file).write_text(text.replace(slip.old, slip.new))
    question = manifest.functions()[slip.function]
    chosen = Selection([question.id], functions=[slip.function], timing=False)
    checks = run.grade_package(manifest, package, chosen, zygotes=zygotes, keep=True).checks
    failed = [check for check in checks if check.outcome != "passed" and check.visibility == "public"]
    if not failed:
        raise LookupError(f"{slip.title}: no check fails")
    return failed[0]


def main() -> None:
    """Prints each slip with its sentence."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only slips whose title holds one of these")
    words = parser.parse_args().words
    manifest, zygotes = manifests.load_manifest(ROOT / manifests.FILENAME), ZygotePool()
    try:
        for number, slip in enumerate(SLIPS, 1):
            if not words or any(word in slip.title for word in words):
                with tempfile.TemporaryDirectory() as folder:
                    check = first_failure(slip, manifest, Path(folder), zygotes)
                print(f"{number:2} {slip.title} ({slip.function})\n   {check.outcome}: {check.message}", flush=True)
    finally:
        zygotes.close()


if __name__ == "__main__":
    main()
