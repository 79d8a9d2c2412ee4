# Generated from tests/public/test_q3_dropout.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q3_dropout_forward"
points = 3.75


@test_case(name="layers.dropout_forward")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q3", "layers.dropout_forward")
