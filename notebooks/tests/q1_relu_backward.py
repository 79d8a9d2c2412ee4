# Generated from tests/public/test_q1_fully_connected.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q1_relu_backward"
points = 1.5


@test_case(name="layers.relu_backward")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q1", "layers.relu_backward")
