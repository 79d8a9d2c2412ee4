"""Make a course's environment in `.venv`, as `make setup` does: say first how large it is, then let pip do it.

It needs the standard library only: `python -m grader.install [--extras=NAMES] [flags of pip]`, in the course's folder.
"""

from __future__ import annotations  # for Pythons that are too old to be told so otherwise

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

FOLDER, READY = Path(".venv"), ".ready"  # READY is what make looks for
PYTHONS = ((3, 11), (3, 13))  # the oldest and the newest
CORE = 40  # megabytes to download of the engine's own packages; pyproject.toml says those of a course
ON_DISK = 3  # megabytes for each that is downloaded
PLACES = ("index-url", "find-links", "-f ")
SECONDS_A_MEGABYTE = 0.25  # at home, and about a minute to unpack


def main() -> None:
    """Make the environment; what goes wrong ends with status 2, and a sentence or what pip said last."""
    extras = [word.partition("=")[2] for word in sys.argv[1:] if word.startswith("--extras=")]
    flags = [word for word in sys.argv[1:] if not word.startswith("--extras=")]
    refusal = refuse_python(sys.version_info[:2])
    if refusal:
        print(refusal, file=sys.stderr)
        sys.exit(2)
    names = read_names(extras[0].split(",") if extras else [])
    print("\n".join(announce(names, flags)), flush=True)
    try:
        made = make_environment(f".[{extras[0]}]" if extras else ".", flags)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on with what is there", file=sys.stderr)
        made = False
    if not made:
        sys.exit(2)
    (FOLDER / READY).touch()
    print(f"The environment is ready in {FOLDER}. {say_next()}")


def make_environment(wanted: str, flags: list[str]) -> bool:
    """Make the environment and install what is wanted into it; return whether that worked."""
    venv = [sys.executable, "-m", "venv", str(FOLDER)]
    made = subprocess.run(venv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        print(made.stdout, file=sys.stderr)
        return False
    python = FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    words = [*pip, *flags, "--constraint", "constraints.txt", "--editable", wanted]
    return subprocess.run(words, check=False).returncode == 0


def refuse_python(version: tuple[int, int]) -> str:
    """Return why this version of Python will not do, and how to choose another; empty where it does."""
    oldest, newest = PYTHONS
    if oldest <= version <= newest:
        return ""
    names, this = f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}", f"{version[0]}.{version[1]}"
    other = "py -3.12 -m grader.install" if sys.platform == "win32" else "python3.12 -m grader.install"
    example = "make setup PYTHON=python3.12" if is_under_make() else other
    return f"Python {names} is needed, this is {this}; choose one: {example}"


def is_under_make() -> bool:
    """Return whether make has started this."""
    return "MAKELEVEL" in os.environ


def read_names(extras: list[str]) -> set[str]:
    """Return the names of the packages that pyproject.toml asks for, those of these extras too."""
    project = read_project()["project"]
    chosen = [name for extra in extras for name in project["optional-dependencies"][extra]]
    return {re.split(r"[^\w.-]", name)[0].lower() for name in [*project["dependencies"], *chosen]}


def read_project() -> dict[str, Any]:
    """Return what pyproject.toml holds."""
    import tomllib  # older Pythons than are needed have none

    return tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))


def knows_a_place(flags: list[str]) -> bool:
    """Return whether pip is told where else to look for packages, PyTorch's small build among them."""
    return any(place in flag for flag in [*flags, read_settings()] for place in PLACES)


@cache
def read_settings() -> str:
    """Return pip's own settings, environment variables among them; empty where this Python has no pip."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(pip, check=False, capture_output=True, text=True).stdout


def takes_cuda(names: set[str], flags: list[str]) -> bool:
    """Return whether pip will take PyTorch's build for graphics cards, its default on Linux only."""
    return "torch" in names and sys.platform.startswith("linux") and not knows_a_place(flags)


def download_megabytes(names: set[str], flags: list[str]) -> int:
    """Return about how much there is to download."""
    sizes: dict[str, Any] = read_project().get("tool", {}).get("chainrule", {}).get("megabytes", {})
    systems = ["cuda"] * takes_cuda(names, flags) + [sys.platform, "linux"]
    total = CORE
    for name, size in sizes.items():
        if name in names:
            total += next(size[system] for system in systems if system in size) if isinstance(size, dict) else size
    return total


def announce(names: set[str], flags: list[str]) -> list[str]:
    """Return the lines that say what will be done: how much, how long, and how to have less of it."""
    size = download_megabytes(names, flags)
    cuda = takes_cuda(names, flags)
    disk = size * (2 if cuda else ON_DISK)  # CUDA's libraries are packed less
    minutes = 2 + round(size * SECONDS_A_MEGABYTE / 60)
    if (FOLDER / READY).is_file():
        return [f"This brings {FOLDER} up to date with constraints.txt; only what changed is downloaded."]
    lines = [
        f"This makes {FOLDER} with Python {sys.version_info[0]}.{sys.version_info[1]} and the tested versions: "
        f"about {say_size(size)} to download, {say_size(disk)} on disk, {minutes} minutes or so."
    ]
    if cuda:
        again = (
            'make setup PIP_FLAGS="{}"' if is_under_make() else f"{Path(sys.executable).name} -m grader.install {{}}"
        )
        lines += [
            "Most of it is PyTorch: pip's default on Linux is the build for graphics cards. The small one does for "
            f"this course: {say_size(download_megabytes(names, [PLACES[0]]))} in all. To take it, press Ctrl-C, then",
            f"    {again.format('--extra-index-url ADDRESS')}",
            "ADDRESS stands on https://pytorch.org/get-started/locally: choose Stable, Linux, Pip, Python, CPU; "
            "the command shown there ends with it, after --index-url.",
        ]
    return lines


def say_size(megabytes: float) -> str:
    """Return a size in round numbers."""
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{round(megabytes, -1):.0f} MB"


def say_next() -> str:
    """Return what to type next."""
    if is_under_make():
        return "Next: make check"
    activate = rf"{FOLDER}\Scripts\activate" if sys.platform == "win32" else f"source {FOLDER}/bin/activate"
    return f"Next: {activate}, then python -m grader check"


if __name__ == "__main__":
    main()
