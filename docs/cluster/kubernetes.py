"""Grade a class on Kubernetes: `python docs/cluster/kubernetes.py export [options of class grade]`.

It takes `pip install "chainrule[class]" dask-kubernetes`, Dask's operator in the cluster, and an image in which course,
export and environment lie at the same paths as here. Its pods run as root without `privileged`, so that each worker
gets a user id of its own; `python -m grader doctor` in a pod says what holds there.
"""

import subprocess
import sys

from dask_kubernetes.operator import KubeCluster, make_cluster_spec

WORKERS = 16
IMAGE = "registry.example.org/chainrule:2026"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",  # or a bystander is blamed for a death
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False",  # a submission's workers have limits of their own
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


def main() -> int:
    """Start the workers, one thread each, and grade; they end with this program."""
    spec = make_cluster_spec(
        name="chainrule-class",
        image=IMAGE,
        n_workers=WORKERS,
        resources={"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "4Gi"}},
        env=ENVIRONMENT,
        worker_command="dask worker --nthreads 1 --memory-limit 0",
    )
    with KubeCluster(custom_cluster_spec=spec) as cluster:
        cluster.wait_for_workers(1)  # pods may have to wait for nodes; others join while it grades
        words = ["--scheduler", cluster.scheduler_address, "--jobs", str(WORKERS)]
        return subprocess.call([sys.executable, "-m", "grader", "class", "grade", *sys.argv[1:], *words])


if __name__ == "__main__":
    sys.exit(main())
