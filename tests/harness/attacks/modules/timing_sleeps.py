"""Be slow without using the processor, by sleeping."""

import time

import numpy as np

KIND = "grade"
OUTCOME = "failed"
OPEN = "a call that sleeps runs into its deadline"
CHECKS = "moments_speed"


def moments(x):
    time.sleep(1.5)
    mean = np.mean(x, axis=0)
    return mean, np.square(x - mean).mean(axis=0)


def area(width, height):
    return 1.0


def squares(sides):
    return 1.0
