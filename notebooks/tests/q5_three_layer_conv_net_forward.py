# Generated from tests/public/test_q5_pytorch.py by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "q5_three_layer_conv_net_forward"
points = 0.5


@test_case(name="pytorch_nets.ThreeLayerConvNet.forward")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {error.name!r}; run the notebook's first code cells again") from None
    return judge(name, "Q5", "pytorch_nets.ThreeLayerConvNet.forward")
