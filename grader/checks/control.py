"""The control run: the same check with the reference in the student's place, to learn whether it can be judged."""

import pytest

from ..errors import OutOfTime, SandboxError
from .collect import State
from .context import Grading, derive
from .expect import Mismatch
from .second_look import afresh, arguments_of


def reference_is_judged(grading: Grading, item: pytest.Function, state: State) -> bool:
    """Whether the reference's answers are judged, right or wrong, where the student's raised something unforeseen.

    It works on copies of the check's state and record, and may go on beyond the run's time, by the reserve. Only what
    passed with the reference was recorded, so with recorded answers nothing is run. Raises OutOfTime when the reserve
    is used up, SandboxError when no worker can be had: neither tells who is to blame.
    """
    if grading.recording is not None:
        return True
    seed, control = derive(state.seed, "worker"), state.copy()
    with grading.patience.with_reserve():
        try:
            control.worker = None
            control.worker = grading.reference_twin(control.libraries, seed)
            reference = grading.reference_worker(control.libraries, seed)
            item.obj(**afresh(arguments_of(item), control, reference=reference.root()))
        except Mismatch:
            return True
        except (OutOfTime, SandboxError):
            raise
        except (Exception, pytest.fail.Exception, pytest.skip.Exception):
            return False
        finally:
            if control.worker is not None:
                control.worker.kill()
    return True
