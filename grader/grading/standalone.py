"""Let plain `pytest tests/public/...`, and an IDE's test buttons, run checks on the assignment's own package."""

from pathlib import Path

import pytest

from ..checks import fixtures, plugin, timing
from ..checks.collect import CheckCollector, Choice
from ..checks.context import RunContext
from ..course import manifest as manifests
from ..sandbox.parent.zygote_pool import ZygotePool


def pytest_configure(config: pytest.Config) -> None:
    """Register the checks' plugin for the manifest found from pytest's root folder."""
    manifest = manifests.load_manifest(manifests.find_manifest(Path(config.rootpath)))
    context = RunContext(manifest, manifest.path("student"), ZygotePool())
    checks = plugin.ChecksPlugin(context, lambda check: None)
    config.pluginmanager.register(fixtures, "chainrule-fixtures")
    config.pluginmanager.register(CheckCollector(manifest, Choice(timing=timing.can_measure())), "chainrule-collector")
    config.pluginmanager.register(checks, "chainrule-checks")
    config.add_cleanup(context.zygotes.close)
    config.add_cleanup(context.close)
