# SPDX-License-Identifier: Apache-2.0
"""The sender, which works in the background."""

import atexit
import collections
import os
import threading
import time
import uuid
import weakref
from typing import NamedTuple

import msgspec

from otelkv_vllm import transport
from otelkv_vllm.config import Config, logger
from otelkv_vllm.merge import Merger, UnmergeableError

# The sidecar takes 1 MiB and 1,024 records. This leaves room for the rest of the batch.
_MAX_BATCH = 960 << 10
_MAX_RECORDS = 256

# Seconds that the thread works in Python before it releases the interpreter to vLLM's
# loop, and seconds that it then sleeps. If the thread did not release it, the loop
# would wait for up to 5 ms, Python's switch interval. A busy loop makes the thread wait
# that long before each slice, so where many steps wait, the slices are longer.
_SLICE, _LONG_SLICE = 0.0001, 0.0004
_PAUSE = 0.0005

# Seconds between attempts while the sidecar is away.
_MIN_BACKOFF, _MAX_BACKOFF = 0.25, 5.0

# Seconds that the process waits for the last batch when it ends.
_LAST = 2.0

# After these statuses a batch is not sent again. After all others it is.
_TAKEN = 200
_FINAL = (400, 409, 413)


class _Item(NamedTuple):
    engine: int
    data: bytes
    time: float
    steps: int


class _Batch(NamedTuple):
    data: bytes
    steps: int
    dropped_steps: int
    dropped_samples: int


class Sender:
    """Sends payloads from a thread of its own.

    Only one thread, vLLM's loop, may call put and drop. They do not wait.
    """

    def __init__(self, config: Config, model: str) -> None:
        self._config = config
        self._model = model
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Starts a run. Its batches are numbered from 1."""
        self._run_id = uuid.uuid4().hex
        self._sequence = 0
        self._queue: collections.deque[_Item] = collections.deque()
        # Merged payloads, encoded. They are older than the queue.
        self._ready: collections.deque[_Item] = collections.deque()
        self._merger = Merger(self._config.max_samples)
        self._batch: _Batch | None = None
        # Steps that the loop dropped, and how many of them the thread has counted. Only
        # the loop writes the first.
        self._refused = 0
        self._refused_seen = 0
        # Drops that the sidecar has not been told of.
        self._dropped_steps = 0
        self._dropped_samples = 0
        self._away = False
        self._backoff = 0.0
        self._next_attempt = 0.0
        self._problem = ""
        self._slice_ends = 0.0
        self._wake = threading.Event()
        self._transport = transport.connect(
            self._config.endpoint, self._config.timeout, self._config.token
        )

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="otelkv", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        # The child of a process that forks has no thread.
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _restart(this()))

    def put(self, engine: int, data: bytes) -> None:
        """Queues the encoded stats of one step."""
        queue = self._queue
        if len(queue) >= self._config.max_steps:
            self._refused += 1
            return
        queue.append(_Item(engine, data, time.time(), 1))
        if len(queue) == self._config.max_steps // 2:
            self._wake.set()

    def drop(self) -> None:
        """Counts a step whose stats could not be encoded."""
        self._refused += 1

    def close(self) -> None:
        """Sends the steps that wait, if the sidecar is there, and ends the thread."""
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._thread.join(_LAST + 1)
            atexit.unregister(self.close)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._config.interval)
            self._wake.clear()
            try:
                self._turn()
            except Exception as error:  # The next turn may succeed.
                self._report(f"unexpected: {error!r}")
        try:
            self._last_turn()
        except Exception as error:
            self._report(f"unexpected: {error!r}")
        self._transport.close()

    def _last_turn(self) -> None:
        deadline = time.monotonic() + _LAST
        self._next_attempt = 0.0
        while self._has_work() and time.monotonic() < deadline:
            self._turn()
            if self._away:
                time.sleep(0.05)
                self._next_attempt = 0.0
        left = len(self._queue) + sum(m.steps for m in self._merger.engines.values())
        left += sum(i.steps for i in self._ready) + (self._batch.steps if self._batch else 0)
        if left:
            logger.warning("otelkv: the stats of %d steps were not sent at the end", left)

    def _has_work(self) -> bool:
        return bool(
            self._batch
            or self._queue
            or self._ready
            or self._merger.engines
            or self._dropped_steps
            or self._dropped_samples
            or self._refused != self._refused_seen
        )

    def _turn(self) -> None:
        """Sends the steps that wait, and merges those that cannot be sent."""
        while time.monotonic() >= self._next_attempt:
            if self._batch is None:
                self._batch = self._next_batch()
                if self._batch is None:
                    return
                self._rest()
            if not self._deliver():
                break
            if len(self._queue) > self._config.max_steps // 2:
                break  # Steps come faster than they can be sent.
        self._fold()

    def _deliver(self) -> bool:
        """Sends the batch. It reports whether the next one may be sent."""
        batch = self._batch
        assert batch is not None
        try:
            answer = self._transport.deliver(batch.data)
        except Exception as error:
            answer = transport.Answer(0, str(error) or repr(error))
        self._rest()
        if answer.status == _TAKEN:
            self._batch = None
            self._succeed(answer.message)
            return True
        if answer.status in _FINAL:
            # Its steps are dropped, and the drops that it reported are reported again.
            self._batch = None
            self._dropped_steps += batch.steps + batch.dropped_steps
            self._dropped_samples += batch.dropped_samples
            self._report(f"a batch was refused: {answer.status} {answer.message}")
            return True
        self._fail(answer)
        return False

    def _succeed(self, message: str) -> None:
        if self._away:
            logger.info("otelkv: the sidecar at %s is there again", self._config.endpoint)
        self._away = False
        self._backoff = self._next_attempt = 0.0
        _, _, left_out = message.partition("left out:\n")
        if left_out:
            self._report(f"the sidecar left out: {left_out}")

    def _fail(self, answer: transport.Answer) -> None:
        if not self._away:
            logger.warning(
                "otelkv: the sidecar at %s does not take stats, which wait meanwhile: %s%s",
                self._config.endpoint,
                f"{answer.status} " if answer.status else "",
                answer.message[:500],
            )
        self._away = True
        self._backoff = min(max(2 * self._backoff, _MIN_BACKOFF), _MAX_BACKOFF)
        self._next_attempt = time.monotonic() + self._backoff

    def _report(self, problem: str) -> None:
        """Logs a problem, unless it is the same as the last one."""
        if problem != self._problem:
            self._problem = problem
            logger.warning("otelkv: %s", problem[:1000])

    def _fold(self) -> None:
        """Merges the queue, in slices."""
        decode = msgspec.msgpack.Decoder().decode
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            try:
                stats = decode(item.data)
                self._pause()
                self._merger.add(item.engine, stats, item.time, self._pause)
            except Exception as error:
                self._dropped_steps += item.steps
                if not isinstance(error, UnmergeableError):
                    self._report(f"unexpected: {error!r}")
            self._pause()

    def _pause(self) -> None:
        """Releases the interpreter to vLLM's loop if the slice is over."""
        if time.perf_counter() > self._slice_ends:
            self._rest()

    def _rest(self) -> None:
        """Releases the interpreter to vLLM's loop, and begins a slice."""
        time.sleep(_PAUSE)
        is_behind = len(self._queue) > self._config.max_steps // 4
        self._slice_ends = time.perf_counter() + (_LONG_SLICE if is_behind else _SLICE)

    def _next_batch(self) -> _Batch | None:
        """Returns the next batch, or None if there is nothing to send."""
        if self._merger.engines:
            self._encode_merged()
        items: list[_Item] = []
        size = 0
        for source in (self._ready, self._queue):
            while source and len(items) < _MAX_RECORDS:
                if items and size + len(source[0].data) > _MAX_BATCH:
                    break
                item = source.popleft()
                items.append(item)
                size += len(item.data) + 64
            if source:
                break
        refused = self._refused
        self._dropped_steps += refused - self._refused_seen
        self._refused_seen = refused
        self._dropped_samples += self._merger.dropped_samples
        self._merger.dropped_samples = 0
        if not (items or self._dropped_steps or self._dropped_samples):
            return None
        self._sequence += 1
        batch = {
            "sender": self._config.sender,
            "run": self._run_id,
            "sequence": self._sequence,
            "dropped_payloads": self._dropped_steps,
            "dropped_samples": self._dropped_samples,
            "records": [(i.engine, self._model, i.time, msgspec.Raw(i.data)) for i in items],
        }
        if self._config.token and self._transport.token_in_batch:
            batch["token"] = self._config.token
        made = _Batch(
            msgspec.msgpack.encode(batch),
            sum(item.steps for item in items),
            self._dropped_steps,
            self._dropped_samples,
        )
        self._dropped_steps = self._dropped_samples = 0
        return made

    def _encode_merged(self) -> None:
        for engine, merged in self._merger.take().items():
            steps = merged.steps
            for payload in merged.payloads():
                try:
                    data = msgspec.msgpack.encode(payload)
                except Exception as error:
                    self._dropped_steps += steps
                    self._report(f"merged stats cannot be encoded: {error!r}")
                else:
                    self._ready.append(_Item(engine, data, merged.time, steps))
                self._rest()
                steps = 0  # Count them once.


def _restart(sender: Sender | None) -> None:
    """Starts the sender again in the child of a process that forked."""
    if sender is not None and not sender._closed:
        sender._begin()
        sender._thread = threading.Thread(target=sender._run, name="otelkv", daemon=True)
        sender._thread.start()
