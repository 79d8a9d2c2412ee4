"""How a clean interpreter is started for workers: by which command, with which paths and environment."""

import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

ENGINE = Path(__file__).resolve().parents[2]
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


class Ticket:
    """A request on its way; `reply` is None until its answer has been read."""

    reply: dict[str, int] | None = None


def command(script: str, settings: dict[str, Any]) -> list[str]:
    """The command line of a clean interpreter: no site, no user folder, no path but those given."""
    code = f"import runpy, sys; runpy.run_path({str(Path(__file__).with_name(script))!r}, run_name='__main__')"
    settings = {**settings, "path": _import_path(), "engine": str(ENGINE)}
    return [sys.executable, "-I", "-S", "-c", code, json.dumps(settings)]


def environment() -> dict[str, str]:
    """One thread a library, no huge pages (they come by chance and make timings jump), nothing of the parent's."""
    # Windows cannot do without SYSTEMROOT
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    steady = {"VECLIB_MAXIMUM_THREADS": "1", "NUMPY_MADVISE_HUGEPAGE": "0"}
    return kept | {f"{name}_NUM_THREADS": "1" for name in THREADS} | steady


def _import_path() -> list[str]:
    """Where the engine and the installed libraries lie; given outright, so that no .pth file runs in the zygote."""
    installed = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    return list(dict.fromkeys([str(ENGINE), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *installed]))
