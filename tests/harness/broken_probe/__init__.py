"""A probe in whose worker every forbidden act fails, and everything else too."""


def __getattr__(name):
    def denied(*arguments):
        raise PermissionError(13, "Permission denied")

    return denied
