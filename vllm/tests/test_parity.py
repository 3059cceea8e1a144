# SPDX-License-Identifier: Apache-2.0
"""What the sidecar shows is what vLLM itself would show, for the same steps."""

import math
import random
import time

import pytest
import steps
from plugins import ENGINES, plugin
from sidecar import known_labels
from vllm.distributed.kv_transfer.kv_connector.v1.metrics import KVConnectorLogging

STEPS = 2000  # of each engine


CASES = {
    "cpu": steps.config(cpu_bytes_to_use=1 << 30),
    "tiering": steps.config(
        spec_name="TieringOffloadingSpec",
        cpu_bytes_to_use=1 << 30,
        secondary_tiers=[{"type": "fs", "root_dir": "/nowhere"}],
    ),
    # A MultiConnector sends it beside a NIXL connector's stats.
    "multi": steps.config(cpu_bytes_to_use=1 << 30),
}


@pytest.mark.parametrize(
    ("name", "http"),
    [("cpu", False), ("tiering", False), ("tiering", True), ("multi", False)],
    ids=["cpu", "tiering", "tiering-http", "multi"],
)
def test_same_as_vllm(name, http, start, monkeypatch):
    vllm_config = CASES[name]
    source = random.Random(name)
    expected = steps.VLLM(vllm_config, ENGINES, multi=name == "multi")
    spec = "tiering" if name == "tiering" else "cpu"
    labels = {name: list(metadata.labelnames) for name, metadata in expected.metadata.items()}
    assert labels.items() <= known_labels(spec).items()
    sidecar = start("--spec", spec)
    endpoint = sidecar.http if http else sidecar.endpoint
    logger = plugin(vllm_config, monkeypatch, endpoint, OTELKV_INTERVAL="0.05")
    # vLLM's own logger merges later steps into the dict of the first.
    kind = "MultiConnector" if name == "multi" else "OffloadingConnector"
    transfer = steps.config(kind).kv_transfer_config
    logging = [KVConnectorLogging(transfer) for _ in range(ENGINES)]
    for step in range(STEPS):
        for engine in range(ENGINES):
            stats = steps.fill(expected.definitions, source, 0.3)
            if step == engine:
                stats.set_info([{label: str(step + 3) for label in expected.info_labels}])
            if name == "multi":
                stats = steps.with_nixl(stats, source)
            scheduler_stats = steps.sent(stats)
            expected.observe(scheduler_stats, engine)
            logger.record(scheduler_stats, None, engine_idx=engine)
            logging[engine].observe(scheduler_stats.kv_connector_stats)
            if step % 100 == 99:
                logging[engine].reset()
        if step % 50 == 49:
            time.sleep(0.01)  # The steps go on while batches are sent.
    logger.record(None, None)
    logger.record(steps.SchedulerStats(), None)
    logger.close()
    compare(sidecar.scrape(), expected.scrape())
    assert sidecar.value("otelkv_ingest_dropped_payloads_total") == 0
    assert sidecar.value("otelkv_ingest_dropped_samples_total") == 0
    assert sidecar.value("otelkv_rejected_entries_total") == 0
    assert sidecar.value("otelkv_ingest_malformed_entries_total") == 0
    if name == "multi":
        ignored = sidecar.value("otelkv_ignored_payloads_total", connector="NixlConnector")
        assert ignored == STEPS * ENGINES
    sidecar.stop()


def compare(got, want):
    got = {key: value for key, value in got.items() if key[0].startswith("vllm:")}
    assert len(want) > 100
    assert sorted(got) == sorted(want)
    for key, value in want.items():
        # Sums of floats depend on the order by their last digits.
        assert math.isclose(got[key], value, rel_tol=1e-12), key
