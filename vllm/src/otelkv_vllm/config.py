# SPDX-License-Identifier: Apache-2.0
"""Configuration by environment variables."""

import logging
import os
import socket
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

# Under vLLM's own logger, which has handlers.
logger = logging.getLogger("vllm.otelkv_vllm")

DEFAULT_ENDPOINT = "unix:///run/otelkv/ingest.sock"


@dataclass(frozen=True)
class Config:
    """The configuration of the sender."""

    # Where batches go: unix:///PATH, or an HTTP URL.
    endpoint: str = DEFAULT_ENDPOINT
    # The name of this sender. It stays the same when the server restarts.
    sender: str = ""
    # The bearer token, or nothing.
    token: str = ""
    # Seconds between two batches.
    interval: float = 0.5
    # Seconds that one delivery may take.
    timeout: float = 5.0
    # Steps that may wait to be sent or merged. Further ones are dropped.
    max_steps: int = 4096
    # Histogram samples that are kept while the sidecar is away. Further ones are dropped.
    max_samples: int = 32768


def from_environment(environment: Mapping[str, str] = os.environ) -> Config:
    """Returns the configuration. It logs values that cannot be used, and uses their defaults."""
    default = Config()
    return Config(
        endpoint=_endpoint(environment.get("OTELKV_ENDPOINT", "")),
        sender=environment.get("OTELKV_SENDER", "") or socket.gethostname() or "vllm",
        token=environment.get("OTELKV_TOKEN", ""),
        interval=_number(environment, "OTELKV_INTERVAL", default.interval, 0.01, 60),
        timeout=_number(environment, "OTELKV_TIMEOUT", default.timeout, 0.1, 60),
        max_steps=int(
            _number(environment, "OTELKV_MAX_STEPS", default.max_steps, 1, 1 << 20)
        ),
        max_samples=int(
            _number(environment, "OTELKV_MAX_SAMPLES", default.max_samples, 0, 65536)
        ),
    )


def _endpoint(text: str) -> str:
    if not text:
        return DEFAULT_ENDPOINT
    try:
        url = urllib.parse.urlsplit(text)
        is_unix = url.scheme == "unix" and not url.netloc and url.path not in ("", "/")
        is_http = url.scheme in ("http", "https") and bool(url.hostname)
        _ = url.port  # Raises if it is no number.
    except ValueError:
        is_unix = is_http = False
    if is_unix or is_http:
        return text
    logger.error(
        "otelkv: OTELKV_ENDPOINT is %r: expected unix:///PATH or an HTTP URL; using %s",
        text,
        DEFAULT_ENDPOINT,
    )
    return DEFAULT_ENDPOINT


def _number(
    environment: Mapping[str, str], name: str, default: float, least: float, most: float
) -> float:
    text = environment.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if least <= value <= most:
        return value
    logger.error(
        "otelkv: %s is %r: expected a number from %g to %g; using %g",
        name,
        text,
        least,
        most,
        default,
    )
    return default
