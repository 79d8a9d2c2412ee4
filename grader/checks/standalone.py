"""Lets plain `pytest tests/public/...`, and an IDE's test buttons, run checks on the assignment's own package."""

from pathlib import Path

import pytest

from ..course import manifest as manifests
from . import fixtures, plugin
from .context import Grading, ZygotePool


def pytest_configure(config: pytest.Config) -> None:
    """Registers the checks' plugin for the manifest found from pytest's root folder."""
    manifest = manifests.load(manifests.find(Path(config.rootpath)))
    grading = Grading(manifest, manifest.path("student"), ZygotePool())
    checks = plugin.ChecksPlugin(grading, manifest.seeds.public, lambda check: None, [], verify_points=False)
    config.pluginmanager.register(fixtures, "chainrule-fixtures")
    config.pluginmanager.register(checks, "chainrule-checks")
    config.add_cleanup(grading.zygotes.close)
    config.add_cleanup(grading.close)
