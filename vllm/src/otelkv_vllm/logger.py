# SPDX-License-Identifier: Apache-2.0
"""The stat logger that vLLM loads."""

from typing import Any

import msgspec
from vllm.v1.metrics.loggers import AggregateStatLoggerBase

from otelkv_vllm import config
from otelkv_vllm.sender import Sender


class OtelkvStatLogger(AggregateStatLoggerBase):
    """Hands the KV connector's stats of each step to a background sender.

    record runs in the loop that serves every request. It encodes the stats at once,
    because vLLM merges later steps into the same dict, and appends the bytes to a
    queue. It never blocks and never raises: an exception there would fail all
    requests in flight.
    """

    def __init__(self, vllm_config: Any, engine_indexes: list[int]) -> None:
        model = getattr(getattr(vllm_config, "model_config", None), "served_model_name", "")
        self._encode = msgspec.msgpack.Encoder().encode
        self._sender = Sender(config.from_environment(), str(model or ""))
        self._sender.start()

    def record(
        self,
        scheduler_stats: Any,
        iteration_stats: Any = None,
        mm_cache_stats: Any = None,
        engine_idx: int = 0,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        # SchedulerStats is not a stable interface, so nothing else of it is used.
        stats = getattr(scheduler_stats, "kv_connector_stats", None)
        if not stats:
            return
        try:
            # A worker that has nothing to say sends types, and data without entries.
            if "types" in stats and not stats.get("data") and stats.get("info") is None:
                return
            self._sender.put(engine_idx, self._encode(stats))
        except Exception:
            self._sender.drop()

    def log_engine_initialized(self) -> None:
        pass

    def close(self) -> None:
        """Sends the steps that wait, if the sidecar is there, and stops the sender."""
        self._sender.close()
