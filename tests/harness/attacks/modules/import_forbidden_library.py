"""Import scipy into a question about NumPy, past every hook on imports."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"
LEAKS = {
    "root, no landlock": "libraries can be read by everyone",
    "user, no landlock": "libraries can be read by everyone",
}


def attack(target):
    import os
    import sys

    hooks = "grader.sandbox.child.imports"
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != hooks]
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(target["library"])))))
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(target["library"]))))
    import scipy.version

    return scipy.version.version
