"""Benchmarks: ratios of CPU times, the rivals taking turns in one process; importing this keeps NumPy to one thread."""

import os

# read by the linear algebra libraries when they are loaded, so they are set before anything here imports NumPy
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
