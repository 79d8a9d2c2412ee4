"""Makes submissions as other years' courses took them, out of the reference: names, markers, imports, given lines."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# each year with a module, what stands in it, and a mistake that a learner may make there
MISTAKES = {
    "2019": (
        "classifiers/fc_net",
        'self.params[f"gamma{i}"] = np.ones(dims[i])',
        'self.params[f"gamma{i}"] = np.zeros(dims[i])',
    ),
    "2022": ("net_visualization_pytorch", "X.grad.data.abs().max(dim=1)", "X.grad.data.max(dim=1)"),
    "2023": ("optim", 'config["t"] += 1', 'config["t"] += 2'),
    "2024": ("layers", "db = dout.sum(axis=0)\n", "db = dout.mean(axis=0)\n"),
    "2025": ("classifiers/cnn", "loss += 0.5 * self.reg * np.sum(W**2)", "loss += self.reg * np.sum(W**2)"),
}
YEARS = list(MISTAKES)
START, END = "# ***** START OF YOUR CODE *****", "# ***** END OF YOUR CODE *****"
EDITORS = """from pickle import TRUE
import matplotlib.pyplot as plt
from sklearn.metrics import accuracy_score as score
import torchvision.models as models
from numpy.core.fromnumeric import shape
from numpy.lib.function_base import average
from tensorflow.python.ops.gen_batch_ops import batch
"""
FILES = ["layers", "layer_utils", "optim", "solver", "gradient_check", "classifiers/fc_net", "classifiers/cnn"]

# what stands in a module of ours, and what stood there: lines that were given, and ways that were as good
OLDER = {
    "layers": {
        """    p, mode, seed = dropout_param["p"], dropout_param["mode"], dropout_param.get("seed")
    rng = np.random if seed is None else np.random.RandomState(seed)
""": """    p, mode = dropout_param["p"], dropout_param["mode"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])
""",
        "(rng.rand(*x.shape) < p).astype(x.dtype) / p": "(np.random.rand(*x.shape) < p) / p",
        "return dx.astype(dout.dtype, copy=False)": "return dx",
        "out = np.empty((N, F, H_out, W_out), dtype=np.result_type(x, w, b))": "out = np.zeros((N, F, H_out, W_out))",
        """        winner = x[window].reshape(N, C, -1).argmax(axis=2, keepdims=True)
        dwindow = np.zeros((N, C, height * width), dtype=dout.dtype)
        np.put_along_axis(dwindow, winner, dout[:, :, i, j, np.newaxis], axis=2)
        dx[window] += dwindow.reshape(N, C, height, width)
""": """        top = x[window].max(axis=(2, 3), keepdims=True)
        dx[window] += (x[window] == top) * dout[:, :, i : i + 1, j : j + 1]
""",
        "    dx = dout * (x > 0)\n": "    dout[x <= 0] = 0\n    dx = dout\n",
    },
    "classifiers/cnn": {"        X = X.astype(self.dtype, copy=False)\n": ""},
    "solver": {"from .progress import make_bar": "from tqdm import tqdm as make_bar"},
}
RELATIVE = {
    "from ..layer_utils import *": "from ..layers import *\nfrom ..fast_layers import *\nfrom ..layer_utils import *"
}
ABSOLUTE = {
    "from ..layer_utils import *": "from cs231n.layers import *\nfrom cs231n.layer_utils import *",
    "from .layers import *": "from cs231n.layers import *",
    "from .fast_layers import *": "from cs231n.fast_layers import *",
    "from . import optim": "from cs231n import optim",
    "dropout_keep_ratio": "dropout",
}
HEADS = {
    "2019": {
        "layers": "from builtins import range\n",
        "classifiers/fc_net": "from builtins import range, object\n",
        "classifiers/cnn": "from builtins import object\n",
        "solver": (
            "from __future__ import print_function, division\nfrom future import standard_library\n"
            "standard_library.install_aliases()\nfrom builtins import range, object\n"
        ),
        "gradient_check": "from __future__ import print_function\nfrom past.builtins import xrange\n",
    }
}
FAST = """from __future__ import print_function
import numpy as np
try:
    from cs231n.im2col_cython import col2im_cython, im2col_cython, col2im_6d_cython
except ImportError:
    print("run the compiler first")
from cs231n.im2col import *
"""
IMAGES = """from future import standard_library
from past.builtins import xrange
import urllib.request, os, tempfile
from imageio import imread
from PIL import Image

SQUEEZENET_MEAN = None
"""
VISUALIZATION = """import random
import torch
import torchvision
import torchvision.transforms as T
import numpy as np
from .image_utils import SQUEEZENET_MEAN, SQUEEZENET_STD
from scipy.ndimage.filters import gaussian_filter1d


def compute_saliency_maps(X, y, model):
    model.eval()
    X.requires_grad_()
    saliency = None
    # ***** START OF YOUR CODE *****
    scores = model(X).gather(1, y.view(-1, 1)).squeeze(1)
    scores.sum().backward()
    saliency, _ = X.grad.data.abs().max(dim=1)
    # ***** END OF YOUR CODE *****
    return saliency


def make_fooling_image(X, target_y, model):
    X_fooling = X.clone()
    X_fooling = X_fooling.requires_grad_()
    learning_rate = 1
    # ***** START OF YOUR CODE *****
    for i in range(80):
        scores = model(X_fooling)
        if scores[0].argmax() == target_y:
            break
        scores[0, target_y].backward()
        g = X_fooling.grad
        X_fooling.data += learning_rate * g / g.norm()
        g.zero_()
    # ***** END OF YOUR CODE *****
    return X_fooling


def class_visualization_update_step(img, model, target_y, l2_reg, learning_rate):
    # ***** START OF YOUR CODE *****
    score = model(img)[0, target_y] - l2_reg * (img * img).sum()
    score.backward()
    img.data += learning_rate * img.grad / img.grad.norm()
    img.grad.zero_()
    # ***** END OF YOUR CODE *****


def preprocess(img, size=224):
    normalize = T.Normalize(SQUEEZENET_MEAN.tolist(), SQUEEZENET_STD.tolist())
    return T.Compose([T.Resize(size), T.ToTensor(), normalize])(img)


def blur_image(X, sigma=1):
    return gaussian_filter1d(X.cpu().clone().numpy(), sigma, axis=2)
"""


def write_submission(folder: Path, year: str, head: str = "", wrong: tuple[str, str, str] | None = None) -> Path:
    """Writes a year's submission below a folder and returns that; each module begins with `head`.

    `wrong` is a module with what stands in it and a mistake.
    """
    package = folder / "cs231n"
    texts = {name: convert(name, year) for name in FILES} | {"fast_layers": FAST, "image_utils": IMAGES}
    if year == "2022":
        texts["net_visualization_pytorch"] = VISUALIZATION
    if wrong:
        name, right, mistake = wrong
        texts[name] = replace_one(texts[name], right, mistake)
    for name, text in texts.items():
        file = package / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(put_head(text, head))
    (package / "datasets").mkdir()
    (package / "datasets/get_datasets.sh").write_text("wget it\n")
    return folder


def convert(name: str, year: str) -> str:
    """Returns a module of the reference as it would have been handed in that year."""
    text = strip_docstrings((ROOT / f"reference/{name}.py").read_text())
    for new, old in OLDER.get(name, {}).items():
        text = replace_one(text, new, old)
    for new, old in (ABSOLUTE if year == "2019" else RELATIVE).items():
        text = text.replace(new, old)
    start, end = (START, END) if year < "2025" else ("# TODO", "# that was it")
    text = text.replace("# BEGIN SOLUTION", start).replace("# END SOLUTION", end)
    return HEADS.get(year, {}).get(name, "") + text


def put_head(text: str, head: str) -> str:
    """Returns a module with lines at its top, behind those that Python wants first."""
    found = re.match(r"(?:from __future__ .*\n)*", text)
    end = found.end() if found else 0
    return text[:end] + head + text[end:]


def strip_docstrings(text: str) -> str:
    """Returns a module without its docstrings, which were others."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            docstring = node.body[0]
            lines[docstring.lineno - 1 : docstring.end_lineno] = [""] * (docstring.end_lineno - docstring.lineno + 1)
    return "".join(lines)


def replace_one(text: str, old: str, new: str) -> str:
    """Returns a text with what stands exactly once in it replaced."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)
