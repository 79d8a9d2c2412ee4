"""Sentences about what went wrong: typical slips of students, missing keys, wrong counts, odd classes, near names."""

from pathlib import Path

import numpy as np
import pytest

from grader.checks import wording
from grader.checks.expect import Mismatch, expect
from grader.checks.wording import describe_inputs, explain_error
from grader.course import manifest as manifests
from grader.errors import WorkerRaised
from grader.sandbox.child.exceptions import find_near
from grader.sandbox.parent.client import launch_worker
from grader.sandbox.parent.proxy import Call
from grader.sandbox.parent.transport import decode_reply
from grader.sandbox.policy import WorkerLimits
from grader.sandbox.wire import WireError
from tests.harness.slips import SLIPS, first_failure

MANIFEST = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)


@pytest.mark.parametrize("slip", SLIPS, ids=[slip.title for slip in SLIPS])
def test_typical_slip(slip, tmp_path, zygotes):
    assert slip.words in first_failure(slip, MANIFEST, tmp_path, zygotes).message


def test_there_are_thirty_one_slips_of_all_questions():
    functions = MANIFEST.functions()
    assert len({slip.title for slip in SLIPS}) == 31
    assert {functions[slip.function].id for slip in SLIPS} == {question.id for question in MANIFEST.questions}


FORGED = {
    "attempt": ["write"],
    "near": ["x"] * 1000,
    "holder": {"a": "b" * 1000},
    "shapes": 7,
    "odd": {"a": 1},
}


@pytest.mark.parametrize("field", FORGED)
def test_forged_report_of_an_exception(field):
    honest = {"type": "KeyError", "message": "'W1'", "frames": [], "attempt": "write"}
    try:
        decode_reply({"error": honest | {field: FORGED[field]}}, [], lambda form, content: None, "net.loss")
    except WorkerRaised as error:
        error.asked = "net.loss"
        assert len(explain_error(error).full) < 1000
        assert explain_error(error).brief.startswith("net.loss ")
    except WireError:
        pass


def test_a_course_beside_the_engine_is_none_of_its_code(monkeypatch, tmp_path):
    engine = str(Path(wording.__file__).parents[1])
    monkeypatch.setattr(wording, "ENGINE", wording.ENGINE.replace(engine, str(tmp_path / "grader")))
    check = tmp_path / "grader-2026" / "check.py"
    check.parent.mkdir()
    check.write_text("def look(answer):\n    loss, dx = answer\n")
    made = {}
    exec(compile(check.read_text(), str(check), "exec"), made)
    with pytest.raises(ValueError) as caught:
        made["look"]([1, 2, 3])
    assert "(loss, dx)" in wording.explain_unusable(caught.value, "layers.look", "", (1, 2, 3)).full


def test_an_answer_without_a_function_of_its_own_is_what_was_returned():
    for called, what in (("layers.look", "the answer of layers.look"), ("", "what was returned")):
        said = wording.explain_unusable(TypeError("no number"), called, "")
        assert said.full == f"{what} cannot be used (TypeError: no number)"


NEAR = [
    ("affine_forward", ["affine_backward", "afine_forward"], "afine_forward"),
    ("affine_forward", ["affine_backward"], ""),
    ("spatial_batchnorm_backward", ["spatial_batchnorm_forward"], ""),
    ("max_pool_forward_fast", ["max_pool_backward_fast"], ""),
    ("spatial_batchnorm_forward", ["spatial_bacthnorm_forward"], "spatial_bacthnorm_forward"),
    ("affine_forward", ["Affine_Forward"], "Affine_Forward"),
    ("affine_forward", ["affineForward"], "affineForward"),
    ("conv_forward_naive", ["conv_forward_fast"], ""),
    ("FullyConnectedNet", ["FullyConectedNet"], "FullyConectedNet"),
    ("gamma1", ["gamma_2", "gamma_1", "beta1"], "gamma_1"),
    ("W1", ["W2", "b1", "w1"], "w1"),
    ("W1", ["W2", "b1"], ""),
    ("sgd", ["adam", "rmsprop"], ""),
    ("x_hat", ["xhat", "x"], "xhat"),
    ("x", ["y", "z"], ""),
    ("a" * 400, ["b" * 400], ""),
]


@pytest.mark.parametrize("name, names, near", NEAR)
def test_near_name(name, names, near):
    assert find_near(name, names) == near


TENSORS = {
    "torch.zeros(2, device='meta')": "tensor on meta, torch.float32, torch.strided",
    "torch.eye(2).to_sparse()": "tensor on cpu, torch.float32, torch.sparse_coo",
    "torch.zeros(2, dtype=torch.bfloat16)": "tensor on cpu, torch.bfloat16, torch.strided",
}


@pytest.mark.parametrize("value, what", TENSORS.items(), ids=TENSORS)
def test_tensor_without_numbers_that_numpy_knows(value, what, tmp_path, zygotes):
    (tmp_path / "nets.py").write_text(f"import torch\n\n\ndef scores():\n    return {value}\n")
    worker = launch_worker(zygotes.get(("numpy", "torch")), tmp_path, "student", WorkerLimits(call_seconds=60))
    try:
        worker.load(("numpy", "torch"))
        worker.start(1)
        with pytest.raises(Mismatch) as found:
            expect(worker.root().nets.scores(), "scores").to_match(np.zeros(2), rel=1e-5)
    finally:
        worker.kill()
    remedy = "make it a dense one of float32 or float64, on the device that is given or on the CPU"
    assert found.value.message == f"scores: is {what}, expected an array of numbers; {remedy}"
    assert found.value.brief == "scores: is no array of numbers"


MANIFEST_TEXT = """
title = "A net"
points = 2

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[seeds]
public = 7
secret = 0

[[questions]]
id = "Q1"
slug = "net"
title = "Net"
public_points = 1
hidden_points = 1
functions = ["net.loss"]
"""
CHECK = '''
from grader.checks import expect, points


@points(1, "net.loss")
def test_{name}(student, reference, rng):
    """loss is right"""
    x = rng.rand(4, 3)
    {body}
    expect(value, "value").to_match(x.sum(), rel=1e-9)
'''
RIGHT = "def loss(x):\n    return {result}\n"


@pytest.fixture
def told(toy):
    """Judges `loss`, of this body, by a check of this body; returns the sentences of a public and a hidden check."""

    def judge(check: str, right: str, body: str) -> tuple[str, str]:
        toy.write("assignment.toml", MANIFEST_TEXT)
        for file in toy.root.rglob("*.py"):
            file.unlink()
        for folder, name in (("public", "loss"), ("hidden", "loss_again")):
            toy.write(f"checks/{folder}/test_q1_net.py", CHECK.format(name=name, body=check))
        for folder, lines in (("solution", f"return {right}"), ("student", body)):
            toy.write(f"{folder}/__init__.py", "")
            toy.write(f"{folder}/net.py", f"import numpy as np\n\n\ndef loss(x):\n    {lines}\n")
        checks = toy.grade().checks
        assert {check.outcome for check in checks} == {"failed"}
        return checks[0].message.partition("; input")[0], checks[1].message

    return judge


UNPACKS = "value, grads = {}.net.loss(x)"
KEYS = "value, grads = student.net.loss(x)\n    grads['W1'], reference.net.loss(x)[1]['W1']"
LOOPS = "value, grads = student.net.loss(x)\n    for name in reference.net.loss(x)[1]: grads[name]"
BOTH = "x.sum(), {'W1': x}"
SENTENCES = {
    "no such key": (
        KEYS,
        BOTH,
        "return x.sum(), {'dW': x}",
        ("grads has no 'W1'", "grads has no 'W1'"),
    ),
    "a near key": (
        KEYS,
        BOTH,
        "return x.sum(), {'w_1': x}",
        ("grads has no 'W1', but 'w_1'", "grads has no 'W1'"),
    ),
    "a key that the check did not write": (
        LOOPS,
        BOTH,
        "return x.sum(), {'w_1': x}",
        ("grads has no 'W1', but 'w_1'", "grads has no such entry"),
    ),
    "a near key with half a surrogate pair": (
        KEYS.replace("W1", "gamma1"),
        "x.sum(), {'gamma1': x}",
        "return x.sum(), {'gamma\\ud8001': x}",
        ("grads has no 'gamma1'", "grads has no 'gamma1'"),
    ),
    "a dict without a name": (
        "value = student.fetch(student.net.loss(x)[1])['W1']",
        BOTH,
        "return x.sum(), {'w_1': x}",
        ("the dict has no 'W1'", "the dict has no 'W1'"),
    ),
    "one value": (
        "value, grads = student.net.loss(x)",
        BOTH,
        "return x.sum()",
        ("returned 1 value, expected 2 (value, grads)", "returned other than 2 values (value, grads)"),
    ),
    "one array": (
        "value, grads = student.net.loss(x)",
        BOTH,
        "return x",
        ("returned 1 value, expected 2 (value, grads)", "returned other than 2 values (value, grads)"),
    ),
    "three values": (
        "value, _ = student.net.loss(x)",
        BOTH,
        "return x.sum(), x, x",
        ("returned 3 values, expected 2 (value, ...)", "returned other than 2 values (value, ...)"),
    ),
    "a tuple of one": (
        "value, grads = student.net.loss(x)",
        BOTH,
        "return (x,)",
        ("returned 1 value, expected 2 (value, grads)", "returned other than 2 values (value, grads)"),
    ),
    "nothing": (
        "value, grads = student.net.loss(x)",
        BOTH,
        "value = x.sum()",
        (
            "returned None, expected 2 values (value, grads); is a return missing?",
            "returned other than 2 values (value, grads)",
        ),
    ),
    "nothing, unpacked by expect": (
        "value, grads = expect(student.net.loss(x), 'value grads').unpack()",
        BOTH,
        "value = x.sum()",
        (
            "returned None, expected 2 values (value, grads); is a return missing?",
            "returned other than 2 values (value, grads)",
        ),
    ),
    "one value, zipped": (
        "value = student.net.loss(x)\n    sum(1 for a, b in zip(value, reference.net.loss(x), strict=True))",
        BOTH,
        "return (x.sum(),)",
        (
            "net.loss returned 1 value; see its docstring for what it returns",
            "net.loss returned something else than expected; see its docstring",
        ),
    ),
    "its own helper returns one value": (
        "value = student.net.loss(x)",
        "x.sum()",
        "def half(x):\n        return np.ones(7)\n    value, cache = half(x)\n    return value",
        (
            "loss raised ValueError: too many values to unpack (expected 2) (net.py, line 7: value, cache = half(x))"
            "; here x (4, 3)",
            "net.loss raised an exception",
        ),
    ),
    "its own dict": (
        "value = student.net.loss(x)",
        "x.sum()",
        "grads = {'gamma_1': x}\n    return grads['gamma1'].sum()",
        (
            "loss: grads has no 'gamma1', but 'gamma_1' (net.py, line 6: return grads['gamma1'].sum())",
            "net.loss raised an exception",
        ),
    ),
    "its own attribute": (
        "value = student.net.loss(x)",
        "x.sum()",
        "return x.summ()",
        (
            "loss raised AttributeError: 'numpy.ndarray' object has no attribute 'summ' "
            "(net.py, line 5: return x.summ()); did you mean sum?",
            "net.loss raised an exception",
        ),
    ),
    "a list": (
        "value = student.net.loss(x)",
        "x.sum()",
        "return [x.sum()]",
        (
            "value: is a list, expected an array of numbers; np.array makes an array of it",
            "value: is no array of numbers",
        ),
    ),
    "an array of objects": (
        "value = student.net.loss(x)",
        "x.sum()",
        "return np.array([x.sum(), None])",
        (
            "value: is an array of Python objects, expected an array of numbers; "
            "are its rows of different lengths, or is None in it?",
            "value: is no array of numbers",
        ),
    ),
    "a masked array": (
        "value = student.net.loss(x)",
        "x.sum()",
        "return np.ma.masked_array(x, mask=x > 0.5)",
        (
            "value: is a masked array, expected an array of numbers; its .filled(0) is an array",
            "value: is no array of numbers",
        ),
    ),
    "a matrix inside": (
        "value = student.net.loss(x)",
        "x.sum()",
        "m = np.matrix(x)\n    return (m * m).sum()",
        (
            "loss raised ValueError: shapes (4,3) and (4,3) not aligned: 3 (dim 1) != 4 (dim 0) "
            "(net.py, line 6: return (m * m).sum()); "
            "here m is an np.matrix: np.asarray makes an array of it, and @ multiplies",
            "net.loss raised an exception",
        ),
    ),
}


@pytest.mark.parametrize("check, right, body, sentences", SENTENCES.values(), ids=SENTENCES)
def test_sentence_in_full_and_in_brief(told, check, right, body, sentences):
    assert told(check, right, body) == sentences


def test_inputs_are_told_with_the_plain_values_of_their_settings():
    arrays = np.zeros((2, 3)), {"mode": "train", "p": 0.25, "seed": 7, "mask": np.zeros(3), "sizes": [1, 2]}
    call = Call("dropout_forward", "", arrays, {"scale": 0.5, "name": "a" * 80, "flag": None})
    assert describe_inputs(call, ["x", "dropout_param"], "seed 231") == (
        "input x (2, 3), dropout_param (mode='train', p=0.25, seed=7), scale=0.5, seed 231"
    )
