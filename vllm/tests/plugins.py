# SPDX-License-Identifier: Apache-2.0
"""Makes the plugin as vLLM does."""

from vllm.v1.metrics.loggers import AggregateStatLoggerBase, load_stat_logger_plugin_factories

ENGINES = 2


def plugin(vllm_config, monkeypatch, endpoint, **environment):
    """Returns a plugin that was found by its entry point."""
    monkeypatch.setenv("OTELKV_ENDPOINT", endpoint)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (factory,) = load_stat_logger_plugin_factories()
    assert issubclass(factory, AggregateStatLoggerBase)
    return factory(vllm_config=vllm_config, engine_indexes=list(range(ENGINES)))
