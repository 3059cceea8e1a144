# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to the sidecar, vLLM's loop goes on, and the totals are right."""

import gc
import threading
import time

import steps
from plugins import ENGINES, plugin
from sidecar import Sidecar

BYTES = "vllm:kv_offload_load_bytes_total"
SAMPLES = "vllm:kv_offload_load_size_count"
DROPPED_STEPS = "otelkv_ingest_dropped_payloads_total"
DROPPED_SAMPLES = "otelkv_ingest_dropped_samples_total"

CONFIG = steps.config(cpu_bytes_to_use=1 << 30)
FAST = {"OTELKV_INTERVAL": "0.05", "OTELKV_TIMEOUT": "0.5"}


def record(logger, count, pause=0.0):
    """Records steps, of one byte and one sample each."""
    for i in range(count):
        logger.record(steps.loaded(1), None, engine_idx=i % ENGINES)
        if pause:
            time.sleep(pause)


def await_complete(sidecar, count):
    sidecar.await_value(BYTES, count)
    assert sidecar.value(SAMPLES) == count
    assert sidecar.value(DROPPED_STEPS) == sidecar.value(DROPPED_SAMPLES) == 0


def test_killed_and_restarted(start, folder, monkeypatch):
    """A sidecar that keeps its state is killed, several times, in mid-stream."""
    sidecar = start("--state", str(folder / "state"))
    logger = plugin(CONFIG, monkeypatch, sidecar.endpoint, **FAST)
    for round in range(4):
        record(logger, 300, 0.001)
        sidecar.kill()
        record(logger, 200, 0.001)
        sidecar.start()
    record(logger, 100)
    await_complete(sidecar, 4 * 500 + 100)
    logger.close()


def test_stopped_and_restarted(start, folder, monkeypatch):
    """One that is stopped loses nothing either: it refuses, and batches wait."""
    sidecar = start("--state", str(folder / "state"))
    logger = plugin(CONFIG, monkeypatch, sidecar.endpoint, **FAST)
    for round in range(3):
        record(logger, 200, 0.001)
        sidecar.stop()
        sidecar.start()
    await_complete(sidecar, 600)
    logger.close()


def test_socket_file_gone(start, monkeypatch):
    sidecar = start()
    first = plugin(CONFIG, monkeypatch, sidecar.endpoint, **FAST)
    record(first, 100)
    await_complete(sidecar, 100)
    sidecar.socket.unlink()
    # One is connected, and another is not.
    second = plugin(CONFIG, monkeypatch, sidecar.endpoint, **FAST)
    record(first, 100)
    record(second, 100)
    await_complete(sidecar, 300)
    assert "is gone" in sidecar.log.read_text()
    first.close()
    second.close()


def test_slow_reader(start, monkeypatch):
    """A sidecar that reads and answers nothing for longer than a delivery may take."""
    sidecar = start()
    logger = plugin(CONFIG, monkeypatch, sidecar.endpoint, **FAST)
    record(logger, 100)
    await_complete(sidecar, 100)
    sidecar.suspend()
    record(logger, 1000, 0.002)
    sidecar.resume()
    await_complete(sidecar, 1100)
    logger.close()


def test_two_plugins(start, monkeypatch):
    """Two API servers of one vLLM see some of the steps each."""
    sidecar = start()
    loggers = [plugin(CONFIG, monkeypatch, sidecar.endpoint, **FAST) for _ in range(2)]
    threads = [threading.Thread(target=record, args=(logger, 500, 0.0005)) for logger in loggers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await_complete(sidecar, 1000)
    usage = "vllm:kv_offload_cpu_cache_usage_perc"
    for i in range(6):
        stats = steps.OffloadingConnectorStats()
        stats.set_gauge(usage, i / 10)
        loggers[i % 2].record(steps.sent(stats), None)
        time.sleep(0.01)
    sidecar.await_value(usage, 0.5)
    assert sidecar.value("otelkv_ingest_senders") == 2
    for logger in loggers:
        logger.close()


def test_restarted_under_the_same_name(start, monkeypatch):
    sidecar = start()
    for round in range(3):
        logger = plugin(CONFIG, monkeypatch, sidecar.endpoint, OTELKV_SENDER="pod", **FAST)
        record(logger, 100)
        logger.close()
    await_complete(sidecar, 300)


def test_token(start, monkeypatch, folder):
    token = folder / "token"
    token.write_text("secret\n")
    sidecar = start("--token-file", str(token))
    for endpoint in (sidecar.endpoint, sidecar.http):
        # It waits where the token is wrong, and is told at the end.
        wrong = plugin(CONFIG, monkeypatch, endpoint, OTELKV_TOKEN="other", **FAST)
        record(wrong, 10)
        wrong.close()
        right = plugin(CONFIG, monkeypatch, endpoint, OTELKV_TOKEN="secret", **FAST)
        record(right, 10)
        right.close()
    assert sidecar.value(BYTES) == 20
    assert sidecar.value("otelkv_ingest_refused_batches_total", reason="unauthorized") > 0


def test_bounded_samples(start, folder, monkeypatch):
    """The counter is complete, and the histogram is short by what is reported."""
    sidecar = Sidecar(folder)
    logger = plugin(CONFIG, monkeypatch, sidecar.endpoint, OTELKV_MAX_SAMPLES="100", **FAST)
    record(logger, 1000, 0.001)
    time.sleep(0.5)
    sidecar = start()
    sidecar.await_value(BYTES, 1000)
    dropped = sidecar.value(DROPPED_SAMPLES)
    assert dropped > 0
    assert sidecar.value(SAMPLES) == 1000 - dropped
    assert sidecar.value(DROPPED_STEPS) == 0
    logger.close()


def test_bounded_steps(start, monkeypatch):
    """Totals are short by the steps that are reported as dropped."""
    sidecar = start()
    logger = plugin(CONFIG, monkeypatch, sidecar.endpoint, OTELKV_MAX_STEPS="50", **FAST)
    class Odd:
        """Cannot be encoded."""

    logger.record(steps.SchedulerStats(kv_connector_stats={"x": Odd()}), None)
    all = [steps.loaded(1) for _ in range(5000)]
    for step in all:
        logger.record(step, None)
    logger.close()
    dropped = sidecar.value(DROPPED_STEPS)
    assert 1000 < dropped < 5001
    assert sidecar.value(BYTES) == sidecar.value(SAMPLES) == 5001 - dropped


def test_no_endpoint_at_all(monkeypatch):
    """Nothing is raised, whatever the environment says."""
    for endpoint in ("nonsense", "unix://", "http://[", "http://127.0.0.1:1", "unix:///no/such"):
        logger = plugin(CONFIG, monkeypatch, endpoint, OTELKV_INTERVAL="often")
        record(logger, 3)
        logger.record(None, None)
        logger.record(object(), None)
        logger.record(steps.SchedulerStats(kv_connector_stats=3), None)
        logger.log_engine_initialized()
        logger.close()


PERIOD = 1 / 200


class LongestWork:
    """The longest work of the plugin's thread between two releases of the interpreter.

    It is measured in processor time of the thread, because a machine with other things
    to do takes the processor away from it, for far longer.
    """

    def __init__(self, sender):
        self.seconds = 0.0
        self._begun = None
        sender._rest = self._around(sender._rest)
        sender._wake.wait = self._around(sender._wake.wait)

    def _around(self, release):
        def released(*arguments):
            if self._begun is not None:
                self.seconds = max(self.seconds, time.thread_time() - self._begun)
            result = release(*arguments)
            self._begun = time.thread_time()
            return result

        return released


def run_loop(logger, seconds):
    """Stands for vLLM's loop, which is never idle, at 200 steps a second.

    It returns the longest processor time of record, and the longest time that the loop
    stood still, for whatever reason.
    """
    recorded = stood = 0.0
    count = int(seconds / PERIOD)
    all = [steps.loaded(1) for _ in range(count)]
    clock, own = time.perf_counter, time.thread_time
    gc.freeze()  # As vLLM does.
    before = next = clock()
    for i in range(count):
        worked = own()
        logger.record(all[i], None, engine_idx=i % ENGINES)
        recorded = max(recorded, own() - worked)
        next += PERIOD
        while before < next:
            now = clock()
            stood = max(stood, now - before)
            before = now
    return recorded, stood


def stand(seconds):
    """Returns the longest time that a loop stands still beside no plugin."""
    stood, clock = 0.0, time.perf_counter
    before = clock()
    end = before + seconds
    while before < end:
        now = clock()
        stood = max(stood, now - before)
        before = now
    return stood


def test_the_loop_is_not_held(start, folder, monkeypatch, capsys):
    """Ten seconds without a sidecar, and three with one that is back: nothing is lost.

    How long the plugin holds the loop, which is to be less than 1 ms, is printed. It is no
    assertion, because a machine with other things to do makes any time longer.
    """
    logger = plugin(CONFIG, monkeypatch, Sidecar(folder).endpoint)
    work = LongestWork(logger._sender)
    away = run_loop(logger, 10)
    worked_away, work.seconds = work.seconds, 0.0
    sidecar = start("--state", str(folder / "state"))
    back = run_loop(logger, 3)
    await_complete(sidecar, 13 * 200)
    logger.close()
    sidecar.stop()
    with capsys.disabled():
        print(
            "\nthe loop was held for at most {:.0f} us by a record and {:.0f} us by the plugin's thread "
            "while the sidecar was away, and for {:.0f} us and {:.0f} us when it was back; it stood still "
            "for at most {:.0f} us and {:.0f} us, and beside no plugin for {:.0f} us".format(
                *(1e6 * v for v in (away[0], worked_away, back[0], work.seconds, away[1], back[1], stand(5)))
            )
        )
