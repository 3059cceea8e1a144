# SPDX-License-Identifier: Apache-2.0
"""Ways to deliver a batch: frames on a Unix stream socket, or HTTP."""

import http.client
import socket
import struct
import urllib.parse

import msgspec

# The largest answer that is read.
_MAX_ANSWER = 1 << 20


class Answer(msgspec.Struct):
    """The answer of the sidecar to a batch, with an HTTP status."""

    status: int
    message: str = ""
    sequence: int = 0


class UnixTransport:
    """Frames on a Unix stream socket: four bytes of length, big-endian, and the batch."""

    # The token is in the batch.
    token_in_batch = True

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._decoder = msgspec.msgpack.Decoder(Answer)

    def deliver(self, batch: bytes) -> Answer:
        """Sends a batch and returns the answer. It raises OSError or ValueError."""
        if self._socket is not None:
            try:
                return self._exchange(self._socket, batch)
            except (OSError, ValueError, msgspec.MsgspecError):
                # The sidecar may have restarted.
                self.close()
        self._socket = self._connect()
        try:
            return self._exchange(self._socket, batch)
        except BaseException:
            self.close()
            raise

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self._timeout)
            connection.connect(self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _exchange(self, connection: socket.socket, batch: bytes) -> Answer:
        # The sidecar may answer before it has read the batch, and say why it refuses it.
        failure: OSError | None = None
        try:
            connection.sendall(struct.pack(">I", len(batch)))
            connection.sendall(batch)
        except TimeoutError:
            raise
        except OSError as error:
            failure = error
        try:
            (length,) = struct.unpack(">I", self._read(connection, 4))
            if length > _MAX_ANSWER:
                raise ValueError(f"an answer of {length} bytes")
            return self._decoder.decode(self._read(connection, length))
        except OSError as error:
            raise failure or error from error

    def _read(self, connection: socket.socket, length: int) -> bytes:
        parts = []
        while length > 0:
            part = connection.recv(min(length, 1 << 16))
            if not part:
                raise ConnectionResetError("the sidecar closed the connection")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class HTTPTransport:
    """A POST request for each batch."""

    token_in_batch = False

    def __init__(self, url: str, timeout: float, token: str) -> None:
        parts = urllib.parse.urlsplit(url)
        kind = http.client.HTTPConnection
        if parts.scheme == "https":
            kind = http.client.HTTPSConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        self._path = parts.path if parts.path not in ("", "/") else "/v1/batches"
        if parts.query:
            self._path += "?" + parts.query
        self._headers = {"Content-Type": "application/vnd.msgpack"}
        if token:
            self._headers["Authorization"] = "Bearer " + token

    def deliver(self, batch: bytes) -> Answer:
        """Sends a batch and returns the answer. It raises OSError or ValueError."""
        if self._connection.sock is not None:
            try:
                return self._exchange(batch)
            except (OSError, http.client.HTTPException):
                self.close()
        try:
            return self._exchange(batch)
        except http.client.HTTPException as error:
            self.close()
            raise ConnectionError(repr(error)) from error
        except BaseException:
            self.close()
            raise

    def _exchange(self, batch: bytes) -> Answer:
        self._connection.request("POST", self._path, batch, self._headers)
        response = self._connection.getresponse()
        text = response.read(_MAX_ANSWER)
        if not response.isclosed():
            raise ValueError(f"an answer of more than {_MAX_ANSWER} bytes")
        return Answer(response.status, text.decode("utf-8", "replace").strip())

    def close(self) -> None:
        self._connection.close()


Transport = UnixTransport | HTTPTransport


def connect(endpoint: str, timeout: float, token: str) -> Transport:
    """Returns the transport for an endpoint. It does not connect yet."""
    parts = urllib.parse.urlsplit(endpoint)
    if parts.scheme == "unix":
        return UnixTransport(parts.path, timeout)
    return HTTPTransport(endpoint, timeout, token)
