"""Plant bytecode that the next worker would import in the stead of the source."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os
    import py_compile

    os.makedirs(target["package"] + "/__pycache__", exist_ok=True)
    py_compile.compile(target["package"] + "/act.py", doraise=True, cfile=target["package"] + "/__pycache__/act.pyc")
