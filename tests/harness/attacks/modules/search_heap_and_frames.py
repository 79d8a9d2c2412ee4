"""Search every object and frame of this process for expected values, seeds or what the zygote was told."""

KIND = "act"
OUTCOME = "refused"
OPEN = "the zygote is executed afresh and is told no secret"


def attack(target):
    import gc
    import sys

    found = [*sys.argv, *sys.orig_argv]
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            found += [value for value in list(thing.values()) if isinstance(value, str)]
    frame = sys._getframe()
    while frame is not None:
        found += [value for value in frame.f_locals.values() if isinstance(value, str)]
        frame = frame.f_back
    return " ".join(text for text in found if "token-" in text and len(text) < 200)[:20000]
