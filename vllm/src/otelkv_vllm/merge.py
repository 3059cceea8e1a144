# SPDX-License-Identifier: Apache-2.0
"""Merges the stats of many steps into one, as vLLM's aggregate does.

Counters add up, gauges take the last value, and histograms keep their samples, up to
a bound. Stats of other connectors, whose form is not known here, are replaced by the
last: the sidecar only counts them.
"""

from collections.abc import Callable
from typing import Any

# The bound on all entries. So many, with the samples, fit into a batch.
MAX_ENTRIES = 4096

_KINDS = ("counter", "gauge", "histogram")


class UnmergeableError(Exception):
    """Stats cannot be merged. None of their entries was."""


class Merged:
    """The merged stats of one engine."""

    def __init__(self) -> None:
        self.own: dict[str, Any] | None = None
        self.connectors: dict[str, Any] = {}
        self.steps = 0
        self.time = 0.0

    def payloads(self) -> list[Any]:
        """Returns what to send: at most one payload of each form."""
        all = []
        if self.own is not None:
            all.append(self.own)
        if self.connectors:
            all.append(self.connectors)
        return all


class Merger:
    """The merged stats of all engines, within bounds."""

    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self.engines: dict[int, Merged] = {}
        self._samples = 0
        self._entries = 0
        # Samples beyond the bound.
        self.dropped_samples = 0

    def take(self) -> dict[int, Merged]:
        """Returns the merged stats by engine, and forgets them."""
        taken = self.engines
        self.engines = {}
        self._samples = self._entries = 0
        return taken

    def add(
        self, engine: int, stats: Any, time: float, pause: Callable[[], None] = lambda: None
    ) -> None:
        """Merges the stats of one step. It raises UnmergeableError.

        It calls pause between metrics, where the caller can release the interpreter.
        """
        merged = self.engines.get(engine) or Merged()
        parts = list(_parts(stats))
        for name, part in parts:
            if part is not None:
                self._check(_target(merged, name), part, pause)
        for name, part in parts:
            if part is not None:
                self._merge(merged, name, part, pause)
            elif name is None:
                if merged.own is None:
                    merged.own = stats
            elif name not in merged.connectors or not _is_payload(merged.connectors[name]):
                merged.connectors[name] = stats[name]
        merged.steps += 1
        merged.time = max(merged.time, time)
        self.engines[engine] = merged

    def _check(
        self, into: dict[str, Any] | None, stats: dict[str, Any], pause: Callable[[], None]
    ) -> None:
        """Raises UnmergeableError unless all entries can be merged."""
        known = into["types"] if into else {}
        types = stats.get("types") or {}
        entries = 0
        for name, values in (stats.get("data") or {}).items():
            kind = types.get(name)
            if kind not in _KINDS or known.get(name, kind) != kind:
                raise UnmergeableError(f"metric {name!r} is of kind {kind!r}")
            if not isinstance(values, dict):
                raise UnmergeableError(f"metric {name!r} has no entries")
            for value in values.values():
                if isinstance(value, list) != (kind == "histogram"):
                    raise UnmergeableError(f"metric {name!r} has a value of another kind")
                if kind == "counter" and not (isinstance(value, (int, float)) and value >= 0):
                    raise UnmergeableError(f"metric {name!r} has the increment {value!r}")
            entries += len(values)
            pause()
        if self._entries + entries <= MAX_ENTRIES:
            return
        if self._entries + _count_new(into, stats) > MAX_ENTRIES:
            raise UnmergeableError(f"more than {MAX_ENTRIES} entries")

    def _merge(
        self, merged: Merged, name: str | None, stats: dict[str, Any], pause: Callable[[], None]
    ) -> None:
        into = _target(merged, name)
        if into is None:
            into = {"types": {}, "data": {}}
            if name is None:
                merged.own = into
            else:
                merged.connectors[name] = into
        if stats.get("info") is not None:
            into["info"] = stats["info"]
        types = stats.get("types") or {}
        for metric, values in (stats.get("data") or {}).items():
            kind = into["types"].setdefault(metric, types[metric])
            known = into["data"].setdefault(metric, {})
            for labels, value in values.items():
                if labels not in known:
                    self._entries += 1
                if kind == "gauge":
                    known[labels] = value
                elif kind == "counter":
                    known[labels] = known.get(labels, 0) + value
                else:
                    self._extend(known.setdefault(labels, []), value)
            pause()

    def _extend(self, samples: list[Any], more: list[Any]) -> None:
        room = self._max_samples - self._samples
        if len(more) > room:
            self.dropped_samples += len(more) - room
            more = more[:room]
        samples.extend(more)
        self._samples += len(more)


def _target(merged: Merged, name: str | None) -> dict[str, Any] | None:
    """Returns the payload that stats are merged into, if there is one."""
    into = merged.own if name is None else merged.connectors.get(name)
    return into if _is_payload(into) else None


def _count_new(into: dict[str, Any] | None, stats: dict[str, Any]) -> int:
    """Returns the number of entries that are new."""
    known = into["data"] if into else {}
    return sum(
        labels not in known.get(name, {})
        for name, values in (stats.get("data") or {}).items()
        for labels in values
    )


def _is_payload(stats: Any) -> bool:
    """Reports whether stats are in the form of vLLM's offloading connectors."""
    return (
        isinstance(stats, dict)
        and isinstance(stats.get("types"), dict)
        and isinstance(stats.get("data"), dict)
    )


def _parts(stats: Any) -> Any:
    """Yields the connectors' names with their payloads.

    The name is None for a connector that sends alone. The payload is None for stats in
    another form.
    """
    if _is_payload(stats):
        yield None, stats
    elif (
        isinstance(stats, dict)
        and all(isinstance(name, str) for name in stats)
        and all(isinstance(child, dict) for child in stats.values())
    ):
        # Of a MultiConnector, bare or as msgspec encodes the stats object.
        for name, child in stats.items():
            inner = child.get("data")
            if _is_payload(child):
                yield name, child
            elif _is_payload(inner):
                yield name, inner
            else:
                yield name, None
    else:
        yield None, None
