# Generated from tests/public/test_q6_visualization.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q6_class_visualization_update_step"
points = 2.5


@test_case(name="net_visualization_pytorch.class_visualization_update_step")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q6", "net_visualization_pytorch.class_visualization_update_step")
