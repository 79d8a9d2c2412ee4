# %% [markdown] tags=["pdf-title"]
# # Rectangles
#
# Their area is $w h$.

# %% tags=["parameters"]
quick = False  # True makes everything small

# %% Setup tags=["pdf-ignore"]
import sys
from pathlib import Path

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "assignment.toml").is_file())
sys.path.insert(0, str(root))

# %load_ext autoreload
# %autoreload 2
import numpy as np

from grader.otter_adapter import Checks

grader = Checks()

# %% [markdown]
# ## Area

# %%
from student.shapes import area

areas = area(np.arange(3.0), np.arange(3.0))
print("small" if quick else "large", areas)

# %%
grader.check("q1_area")

# %% exercise="Widths: set widths to the widths of three rectangles"
heights = np.ones(3)
# BEGIN SOLUTION
widths = np.array([1.0, 2.0, 3.0])
# END SOLUTION


def largest(widths, heights):
    # BEGIN SOLUTION
    return area(widths, heights).max()
    # END SOLUTION


# %% tags=["tune"]
scale = 1.0
# BEGIN SOLUTION
scale = 2.0
# END SOLUTION

# %% tags=["proof"]
assert largest(widths, heights) * scale == 6, "the largest area is not 6"

# %% [markdown] tags=["inline-question"] question="why-multiply" points=2
# ### Inline question 1
# Why are sides multiplied?

# %% [markdown] tags=["inline-answer"] question="why-multiply" rubric="for instructors"
# <!-- BEGIN SOLUTION -->
# Unit squares stand in rows of equal length.
#
# - 1 point: rows
# - 1 point: of equal length
# <!-- END SOLUTION -->

# %% [markdown] tags=["inline-question"] question="why-order" points=1
# ### Inline question 2
# Does their order matter?

# %% [markdown] tags=["inline-answer"] question="why-order"
# <!-- BEGIN SOLUTION -->
# No.
# <!-- END SOLUTION -->
