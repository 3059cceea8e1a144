# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import stubs  # noqa: E402

# What vLLM's metrics import, and what they import in turn.
stubs.install(
    "PIL", "aiohttp", "cachetools", "cbor2", "cloudpickle", "cpuinfo", "huggingface_hub",
    "llguidance", "numpy", "psutil", "pydantic", "pydantic_core", "regex", "requests",
    "safetensors", "torch", "transformers", "urllib3", "uvloop", "xgrammar", "zmq",
    # These run kernels and models, and have nothing to do with metrics.
    instead=(
        "vllm.compilation", "vllm.entrypoints", "vllm.ir", "vllm.model_executor",
        "vllm.multimodal", "vllm.parser", "vllm.renderers",
    ),
)

from sidecar import Sidecar  # noqa: E402


@pytest.fixture
def folder():
    """A folder whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="otelkv") as name:
        yield pathlib.Path(name)


@pytest.fixture
def start(folder):
    """Starts a sidecar, which ends with the test."""
    running = []

    def start_one(*arguments: str) -> Sidecar:
        running.append(Sidecar(folder, *arguments))
        running[-1].start()
        return running[-1]

    yield start_one
    for sidecar in running:
        sidecar.kill()
