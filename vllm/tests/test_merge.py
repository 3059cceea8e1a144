# SPDX-License-Identifier: Apache-2.0
"""Merging is what vLLM's aggregate does, within bounds."""

import random

import msgspec
import pytest
import steps
from otelkv_vllm.merge import MAX_ENTRIES, Merger, UnmergeableError
from vllm.distributed.kv_transfer.kv_connector.v1.offloading.metrics import (
    OffloadingConnectorStats,
)

DEFINITIONS = steps.VLLM(
    steps.config(
        spec_name="TieringOffloadingSpec",
        cpu_bytes_to_use=1,
        secondary_tiers=[{"type": "fs", "root_dir": "/nowhere"}],
    ),
    1,
).definitions


def wire(stats):
    return msgspec.msgpack.decode(msgspec.msgpack.encode(stats))


@pytest.mark.parametrize("form", ["alone", "multi", "wrapped"])
def test_same_as_aggregate(form):
    source = random.Random(form)
    expected, merger = OffloadingConnectorStats(), Merger(1 << 20)
    for step in range(300):
        stats = steps.fill(DEFINITIONS, source, 0.3)
        if step % 50 == 0:
            stats.set_info([{"a": str(step)}])
        sent = wire(stats.to_dict())
        expected.aggregate(stats)
        if form == "multi":
            sent = {"NixlConnector": {"transfer_duration": [1.0]}, "OffloadingConnector": sent}
        elif form == "wrapped":
            sent = {"OffloadingConnector": {"data": sent}}
        merger.add(0, sent, float(step))
    merged = merger.take()[0]
    assert (merged.steps, merged.time) == (300, 299.0)
    (got,) = merged.payloads()
    if form == "multi":
        assert got.pop("NixlConnector") == {"transfer_duration": [1.0]}
    if form != "alone":
        got = got.pop("OffloadingConnector")
    want = expected.to_dict()
    assert got["info"] == want["info"]
    assert {name: got["types"][name] for name in got["data"]} == want["types"]
    assert got["data"] == want["data"]
    assert merger.take() == {}


def counter(name, value, labels=()):
    return {"types": {name: "counter"}, "data": {name: {labels: value}}}


def test_what_cannot_be_merged_changes_nothing():
    merger = Merger(10)
    merger.add(0, counter("a", 1), 0)
    for bad in (
        {"types": {"a": "gauge"}, "data": {"a": {(): 1}}},
        {"types": {}, "data": {"a": {(): 1}}},
        {"types": {"a": "counter"}, "data": {"a": 3}},
        counter("a", -1),
        counter("a", float("nan")),
        counter("a", "x"),
        counter("a", [1]),
        {"types": {"h": "histogram"}, "data": {"h": {(): 1}}},
        {"types": {"b": "counter", "a": "gauge"}, "data": {"b": {(): 1}, "a": {(): 1}}},
        {"One": counter("b", 1), "Two": {"types": {"a": "nothing"}, "data": {"a": {(): 1}}}},
    ):
        with pytest.raises(UnmergeableError):
            merger.add(0, bad, 0)
    assert merger.take()[0].payloads() == [counter("a", 1)]


def test_pauses_between_metrics():
    """The caller can release the interpreter after each metric is checked and merged."""
    pauses = []
    metrics = [f"m{i}" for i in range(5)]
    stats = {"types": dict.fromkeys(metrics, "counter"), "data": {name: {(): 1} for name in metrics}}
    merger = Merger(10)
    merger.add(0, stats, 0, lambda: pauses.append(len(merger.engines)))
    assert pauses == [0] * 2 * len(metrics)
    assert merger.take()[0].own["data"] == stats["data"]


def test_bounds():
    merger = Merger(10)
    samples = {"types": {"h": "histogram"}, "data": {"h": {(): [1, 2, 3, 4]}}}
    for _ in range(4):
        merger.add(0, samples, 0)
    assert merger.dropped_samples == 6
    assert merger.engines[0].own["data"]["h"][()] == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    for i in range(MAX_ENTRIES - 1):
        merger.add(1, counter("a", 1, (str(i),)), 0)
    with pytest.raises(UnmergeableError):
        merger.add(1, counter("a", 1, ("one more",)), 0)
    merger.add(1, counter("a", 1, ("0",)), 0)
    assert merger.engines[1].own["data"]["a"][("0",)] == 2


def test_other_connectors_alone():
    merger = Merger(10)
    merger.add(0, {"transfer_duration": [1]}, 0)
    merger.add(0, {"transfer_duration": [2]}, 0)
    assert merger.take()[0].payloads() == [{"transfer_duration": [1]}]
    merger.add(0, {"transfer_duration": [1]}, 0)
    merger.add(0, counter("a", 1), 0)
    assert merger.take()[0].payloads() == [counter("a", 1)]
