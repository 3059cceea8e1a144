# SPDX-License-Identifier: Apache-2.0
"""Sends the KV-offloading stats of a vLLM server to an otelkv sidecar.

vLLM finds the plugin by its entry point, otelkv_vllm.logger:OtelkvStatLogger.
"""
