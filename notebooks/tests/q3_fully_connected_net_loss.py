# Generated from tests/public/test_q3_dropout.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q3_fully_connected_net_loss"
points = 1.75


@test_case(name="classifiers.fc_net.FullyConnectedNet.loss")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q3", "classifiers.fc_net.FullyConnectedNet.loss")
