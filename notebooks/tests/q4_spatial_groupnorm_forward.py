# Generated from tests/public/test_q4_convolution.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q4_spatial_groupnorm_forward"
points = 1.2


@test_case(name="layers.spatial_groupnorm_forward")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q4", "layers.spatial_groupnorm_forward")
