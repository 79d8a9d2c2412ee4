# %% [markdown] tags=["pdf-title"]
# # Hand in
#
# This notebook makes the two files that you upload to Gradescope:
#
# | File | What it holds | Assignment on Gradescope |
# |---|---|---|
# | `a2_code_submission.zip` | your code, your notebooks and the weights of your challenge network | the code, graded automatically |
# | `a2_inline_submission.pdf` | your notebooks with their plots and your answers, in the order of the questions | the answers, graded by a person |
#
# Before you run it:
#
# 1. **Run each of the six notebooks from top to bottom** (*Run*, *Restart Kernel and Run All Cells*) with `quick =
#    False`, and **save** it. What goes into the PDF is the outputs as they are saved; nothing is run again.
# 2. **Answer every inline question** in its own cell.
# 3. In a terminal, **`make check`** shows your points on the public checks.
#
# The cell below looks for what is missing first: a function still unwritten, a notebook that was not run or not in
# order, an answer left empty. It names each and says what to do about it. Fix it and run the cell again, as often as
# you like; it needs no network.

# %% tags=["pdf-ignore"]
# On Google Colab: brings your Drive and the project's folder here, and installs what Colab lacks: 90 MB, half a minute.
# Colab's own NumPy and PyTorch stay, so no restart is needed. Anywhere else this cell does nothing.
import importlib
import os
import sys

if "google.colab" in sys.modules:
    from google.colab import drive

    sys.modules.setdefault("imp", importlib)  # gone from Python 3.12, but Colab's %autoreload takes reload from it
    drive.mount("/content/drive")
    FOLDERNAME = "chainrule"  # where in your Drive the project lies
    os.chdir(f"/content/drive/MyDrive/{FOLDERNAME}")
    # !pip install --quiet --no-deps -r colab.txt

# %% tags=["parameters"]
# Nothing here is made smaller by True; every notebook has this cell.
quick = False

# %% tags=["pdf-ignore"]
import subprocess
import sys
from pathlib import Path

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "assignment.toml").is_file())

# %% [markdown]
# ## Collect the files
#
# It is the same as `make submit` in a terminal.

# %%
command = [sys.executable, "-m", "grader", "submit"]
with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
    for line in run.stdout:
        print(line, end="")
assert run.returncode == 0, "Nothing to upload yet: fix what is named above, then run this cell again."

# %% [markdown]
# ## Take them along
#
# Look through the PDF before you upload it: are all plots and all your answers there? In Colab the next cell downloads
# both files to your computer; elsewhere it tells you where they are.

# %%
files = [root / "a2_code_submission.zip", root / "a2_inline_submission.pdf"]
for file in files:
    print(f"{file.stat().st_size / 1e6:6.2f} MB  {file}")

if "google.colab" in sys.modules:
    from google.colab import files as browser

    for file in files:
        browser.download(str(file))

# %% [markdown]
# Upload each file to its assignment on Gradescope. Within a few minutes the code assignment shows the same table of
# points as `make check`; open it once to be sure that everything arrived. You can upload again until the deadline, and
# the last upload counts.
