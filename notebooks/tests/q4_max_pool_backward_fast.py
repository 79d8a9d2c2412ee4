# Generated from tests/public/test_q4_convolution.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q4_max_pool_backward_fast"
points = 1.45


@test_case(name="fast_layers.max_pool_backward_fast")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q4", "fast_layers.max_pool_backward_fast")
