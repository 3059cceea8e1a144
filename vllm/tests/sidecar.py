# SPDX-License-Identifier: Apache-2.0
"""Runs the sidecar, whose program OTELKV_BINARY names."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

def known_labels(spec: str) -> dict[str, list[str]]:
    """Returns the label names of the program's metrics."""
    command = [os.environ["OTELKV_BINARY"], "catalogue", "--spec", spec, "-o", "json"]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {metric["prometheus_name"]: metric["labels"] for metric in printed}


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Sidecar:
    def __init__(self, folder: pathlib.Path, *arguments: str) -> None:
        self.socket = folder / "ingest.sock"
        self.log = folder / "log"
        self._arguments = arguments
        self._process: subprocess.Popen | None = None
        self._metrics = ""
        self.http = ""

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
        environment["OTEL_EXPORTER_PROMETHEUS_PORT"] = "0"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    os.environ["OTELKV_BINARY"], "sidecar", "--listen", self.endpoint,
                    "--listen", "http://127.0.0.1:0", "--health", "", "--prime=false",
                    *self._arguments,
                ],
                stderr=log,
                env=environment,
            )
        deadline = time.monotonic() + 30
        while "msg=ready" not in (text := self.log.read_text()):
            assert self._process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.01)
        self._metrics = re.search(r"\((http://[^)]+)\)", text)[1]
        self.http = re.search(r"address=(http://\S+)", text)[1]

    def stop(self) -> None:
        """Ends it as a service manager does."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(30) == 0, self.log.read_text()

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def suspend(self) -> None:
        """Makes it read and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def scrape(self) -> Samples:
        with urllib.request.urlopen(self._metrics, timeout=10) as response:
            return samples(response.read().decode())

    def value(self, name: str, **labels: str) -> float:
        """Returns the sum of the samples that have the labels."""
        wanted = set(labels.items())
        return sum(v for (n, l), v in self.scrape().items() if n == name and wanted <= set(l))

    def await_value(self, name: str, value: float, seconds: float = 30, **labels: str) -> None:
        deadline = time.monotonic() + seconds
        while (got := self.value(name, **labels)) != value:
            assert time.monotonic() < deadline, f"{name} is {got}, want {value}"
            time.sleep(0.05)


def samples(text: str) -> Samples:
    """Returns the samples of an exposition, without those that say when it began."""
    all = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue
            labels = dict(sample.labels)
            if "le" in labels:
                labels["le"] = str(float(labels["le"]))
            all[sample.name, tuple(sorted(labels.items()))] = sample.value
    return all
