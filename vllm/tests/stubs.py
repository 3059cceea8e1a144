# SPDX-License-Identifier: Apache-2.0
"""Stands in for what vLLM imports and the tests do not use: torch and the like.

vLLM's package is installed without its dependencies, which are gigabytes. Its own
modules are the real ones. Other packages that are not installed are stubs, whose
attributes can be called, subscripted, compared, added and subclassed.
"""

import abc
import importlib.abc
import importlib.machinery
import sys
import types


class _Anything:
    """Answers every operator, so that modules can be imported."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stub(name)

    def __getitem__(self, _: object) -> object:
        return self

    def _same(self, *_: object) -> object:
        return self

    __or__ = __ror__ = __and__ = __rand__ = __add__ = __sub__ = __rsub__ = _same
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = _same

    def __radd__(self, other: object) -> object:
        return other if isinstance(other, str) else self

    def __lt__(self, _: object) -> bool:
        return False

    __le__ = __gt__ = __lt__

    def __ge__(self, _: object) -> bool:
        return True

    def __contains__(self, _: object) -> bool:
        return False

    def __iter__(self):
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __index__(self) -> int:
        return 0


class _Meta(_Anything, abc.ABCMeta):
    __hash__ = type.__hash__


class Stub(_Anything, metaclass=_Meta):
    """Does nothing, whatever is asked of it."""

    def __new__(cls, *args: object, **kwargs: object):
        # A decorator returns what it decorates.
        decorates = cls.__name__[:1].islower() and len(args) == 1 and not kwargs
        if decorates and isinstance(args[0], (type, types.FunctionType)):
            return args[0]
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __init_subclass__(cls, **kwargs: object) -> None:
        pass

    def __call__(self, *args: object, **kwargs: object) -> object:
        return Stub(*args, **kwargs)

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *args: object) -> None:
        pass


def _stub(name: str) -> type:
    return _Meta(name, (Stub,), {})


class _Module(types.ModuleType):
    __path__: list[str] = []
    __version__ = "0.0.0"

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _stub(name)
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the named packages and everything below them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = set(names)

    def find_spec(self, fullname, path=None, target=None):
        parts = fullname.split(".")
        if any(".".join(parts[: i + 1]) in self.names for i in range(len(parts))):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module):
        pass


def install(*names: str, instead: tuple[str, ...] = ()) -> _Finder:
    """Makes the named packages importable, those that are not installed.

    The packages of instead are stubs also where they are.
    """
    sys.meta_path.insert(0, _Finder(instead))
    missing = _Finder(names)
    sys.meta_path.append(missing)
    return missing
