"""Grade a class on Slurm: `python docs/cluster/slurm.py export [options of class grade]`, on the head node.

It takes `pip install "chainrule[class]" dask-jobqueue`. Course, export and environment lie where all nodes see them.
The folder of the class, `--folder`, lies on this machine's own disk: SQLite does not work on a network drive.
"""

import subprocess
import sys

import dask
from dask_jobqueue import SLURMCluster

from grader.classroom.executors import SETTINGS

WORKERS = 16
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False",  # a submission's workers have limits of their own
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False",
    "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL": "False",
}


def main() -> int:
    """Start as many workers as Slurm gives, one job each, and grade; they end with this program."""
    dask.config.set(SETTINGS)  # the scheduler runs in this process
    cluster = SLURMCluster(
        cores=1,  # one thread a worker: pytest and sys.path are a process's own
        processes=1,
        memory="3GB",
        walltime="04:00:00",
        local_directory="/tmp",
        job_script_prologue=[f"export {name}={value}" for name, value in ENVIRONMENT.items()],
    )
    with cluster:
        cluster.scale(jobs=WORKERS)
        cluster.wait_for_workers(1)  # as long as Slurm's queue takes; others join while it grades
        words = ["--scheduler", cluster.scheduler_address, "--jobs", str(WORKERS)]
        return subprocess.call([sys.executable, "-m", "grader", "class", "grade", *sys.argv[1:], *words])


if __name__ == "__main__":
    sys.exit(main())
