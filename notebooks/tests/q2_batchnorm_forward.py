# Generated from tests/public/test_q2_normalization.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q2_batchnorm_forward"
points = 5.25


@test_case(name="layers.batchnorm_forward")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q2", "layers.batchnorm_forward")
