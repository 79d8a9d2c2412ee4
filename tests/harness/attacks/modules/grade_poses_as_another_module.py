"""Replace the package's modules by an object that grants every wish."""

import sys

KIND = "grade"
OUTCOME = "failed"
OPEN = "whatever it grants is compared with the reference"


class Genie:
    """Has every attribute, and is every attribute."""

    __name__ = __qualname__ = "shapes.area"
    __module__ = "student.shapes"

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **keywords):
        return self

    def __iter__(self):
        return iter([self, self])

    def __len__(self):
        return 2


sys.modules[__name__] = Genie()
