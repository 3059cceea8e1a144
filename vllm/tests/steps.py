# SPDX-License-Identifier: Apache-2.0
"""Makes what vLLM's engine core sends, out of vLLM's own classes."""

import functools
import random
from types import SimpleNamespace
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sidecar import Samples, samples
from vllm.distributed.kv_transfer.kv_connector.v1.metrics import KVConnectorProm
from vllm.distributed.kv_transfer.kv_connector.v1.multi_connector import (
    MultiKVConnectorPromMetrics,
    MultiKVConnectorStats,
)
from vllm.distributed.kv_transfer.kv_connector.v1.nixl.stats import NixlKVConnectorStats
from vllm.distributed.kv_transfer.kv_connector.v1.offloading.metrics import (
    KV_OFFLOAD_CONFIG_INFO,
    OffloadingConnectorStats,
)
from vllm.v1.kv_offload.base import (
    OffloadingCounterMetadata,
    OffloadingGaugeMetadata,
    OffloadingHistogramMetadata,
)
from vllm.v1.metrics.stats import SchedulerStats

MODEL = "a/model"
ENGINE_LABELS = ("model_name", "engine")
LOAD_BYTES = "vllm:kv_offload_load_bytes"
LOAD_SIZE = "vllm:kv_offload_load_size"


def config(connector: str = "OffloadingConnector", **extra: Any) -> Any:
    """Returns as much of a VllmConfig as metrics look at."""
    return SimpleNamespace(
        model_config=SimpleNamespace(served_model_name=MODEL),
        kv_transfer_config=SimpleNamespace(
            kv_connector=connector,
            kv_connector_extra_config=extra,
            kv_connector_module_path=None,
            engine_id="an-id",
        ),
    )


class VLLM:
    """vLLM's own metrics of the connector, in a registry of their own."""

    def __init__(self, vllm_config: Any, engines: int, multi: bool = False) -> None:
        self._registry = CollectorRegistry()

        class Prom(KVConnectorProm):
            _gauge_cls = functools.partial(Gauge, registry=self._registry)
            _counter_cls = functools.partial(Counter, registry=self._registry)
            _histogram_cls = functools.partial(Histogram, registry=self._registry)

        labels = list(ENGINE_LABELS)
        values = {i: [MODEL, str(i)] for i in range(engines)}
        metrics = Prom(vllm_config, labels, values).prom_metrics
        self._metrics = metrics
        if multi:
            types = {Gauge: Prom._gauge_cls, Counter: Prom._counter_cls, Histogram: Prom._histogram_cls}
            self._metrics = MultiKVConnectorPromMetrics(
                vllm_config, types, labels, values, {"OffloadingConnector": metrics}
            )
        self.metadata = metrics._offloading_metric_metadata
        self.definitions = dict(self.metadata)
        self.info_labels = self.definitions.pop(KV_OFFLOAD_CONFIG_INFO).labelnames

    def observe(self, stats: SchedulerStats, engine: int) -> None:
        self._metrics.observe(stats.kv_connector_stats, engine)

    def scrape(self) -> Samples:
        return samples(generate_latest(self._registry).decode())


def fill(definitions: dict[str, Any], source: random.Random, share: float) -> Any:
    """Returns stats with a share of the defined metrics, of any values."""
    stats = OffloadingConnectorStats()
    for name, metadata in definitions.items():
        if source.random() > share:
            continue
        for labels in label_values(metadata, source):
            if isinstance(metadata, OffloadingCounterMetadata):
                is_time = name.endswith("_time")
                amount = source.random() if is_time else source.randrange(1 << 34)
                stats.increase_counter(name, amount, labels)
            elif isinstance(metadata, OffloadingGaugeMetadata):
                is_count = name.endswith("_jobs")
                value = source.randrange(100) if is_count else source.random()
                stats.set_gauge(name, value, labels)
            elif isinstance(metadata, OffloadingHistogramMetadata):
                for _ in range(source.randrange(4)):
                    edge = source.choice(metadata.buckets or (1.0,))
                    sample = source.choice([edge, edge * source.random() * 2, int(edge)])
                    stats.observe_histogram(name, sample, labels)
    return stats


def label_values(metadata: Any, source: random.Random) -> list[tuple[str, ...]]:
    names = metadata.labelnames
    if not names:
        return [()]
    tiers = ["0:primary", "1:fs", "2:p2p"]
    return [(tier,) * len(names) for tier in source.sample(tiers, source.randrange(1, 4))]


def with_nixl(stats: Any, source: random.Random) -> Any:
    """Returns the stats as a MultiConnector's, with a NIXL connector's beside them."""
    nixl = NixlKVConnectorStats()
    for _ in range(source.randrange(3)):
        nixl.record_transfer(
            SimpleNamespace(
                xferDuration=source.random(), postDuration=1, totalBytes=7, descCount=2
            )
        )
    nixl.record_failed_handshake()
    return MultiKVConnectorStats({"NixlConnector": nixl, "OffloadingConnector": stats})


def sent(stats: Any) -> SchedulerStats:
    """Returns stats as they arrive in the front end, through vLLM's codec."""
    wire = msgspec.msgpack.encode(stats.to_dict())
    return SchedulerStats(kv_connector_stats=msgspec.msgpack.decode(wire))


def loaded(amount: int) -> SchedulerStats:
    """Returns the stats of one step that loaded an amount."""
    stats = OffloadingConnectorStats()
    stats.increase_counter(LOAD_BYTES, amount)
    stats.observe_histogram(LOAD_SIZE, amount)
    return sent(stats)
