"""Other names of the package: `from cs231n.layers import …` in a package loaded as `student` means its own modules."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterable
from types import ModuleType

FACTS = ("__spec__", "__loader__", "__package__")


class PackageAliases(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the package's own modules, the same objects, under other names; nothing outside of the package."""

    def __init__(self, package: str, names: Iterable[str]) -> None:
        self.package = package
        self.names = frozenset(names) - {package, *sys.stdlib_module_names}

    def install(self) -> None:
        """Takes the place of an earlier one for the same package; modules found by it are forgotten."""
        former = [finder for finder in sys.meta_path if isinstance(finder, PackageAliases)]
        for finder in former:
            if finder.package == self.package:
                sys.meta_path.remove(finder)
                for name in [name for name in sys.modules if finder._is_alias(name)]:
                    del sys.modules[name]
        if self.names:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec whose module is the package's own of that path; None where there is none."""
        if not self._is_alias(name):
            return None
        own = self._own(name)
        if own not in sys.modules and importlib.util.find_spec(own) is None:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=False)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The package's own module; its facts are kept, since importing writes those of the alias into it."""
        module = importlib.import_module(self._own(spec.name))
        spec.loader_state = {fact: getattr(module, fact, None) for fact in FACTS}
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module, which has run already, its own facts back."""
        for fact, value in module.__spec__.loader_state.items():
            setattr(module, fact, value)

    def _is_alias(self, name: str) -> bool:
        return name.partition(".")[0] in self.names

    def _own(self, name: str) -> str:
        _, dot, rest = name.partition(".")
        return f"{self.package}{dot}{rest}"
