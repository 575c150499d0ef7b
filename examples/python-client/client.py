#!/usr/bin/env python3
"""A peer in Python, written from docs/reference/protocol.md alone: it calls, sends and reads a stream over TCP.

Usage: client.py HOST PORT. Needs Python 3.9 or newer and cbor2 (Debian: python3-cbor2).
"""

import os
import socket
import struct
import sys

import cbor2

HELLO, PROVIDE, CALL, SEND, REPLY, ERROR, REFUSE, CREDIT, PING, PONG, GOODBYE = 1, 2, 4, 5, 6, 7, 8, 10, 11, 12, 14
STREAM, ITEM, ALLOW = 15, 16, 20
ROUTED = (CALL, STREAM, ALLOW)
UNDEFINED = b"\xf7"
FRAME_BYTES_MAX = 1024 * 1024


class RemoteError(Exception):
    """The other side's handler failed, or did not take what was asked."""

    def __init__(self, code, message, data=None):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.data = code, message, data


class Peer:
    """One connection. It provides nothing, takes whole frames only, and asks one thing at a time."""

    def __init__(self, host, port, stream_items=16, stream_bytes=65536):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.window, self.last_id, self.services, self.frame_bytes = (stream_items, stream_bytes), 0, {}, 0
        limits = {"frameBytesMax": FRAME_BYTES_MAX, "callsMax": 1, "callBytesMax": 1024, "sendsMax": 1,
                  "sendBytesMax": 1024, "watchesMax": 0, "streamItems": stream_items, "streamBytes": stream_bytes}
        hello = {"protocol": "troupe", "versions": [1], "minor": 0, "id": os.urandom(16).hex(), "name": "python",
                 "heartbeatMs": 60_000, "limits": limits, "services": 0}
        self.write(HELLO, struct.pack("<I", 0), cbor2.dumps(hello))
        kind, _, payload = self.read()
        if kind != HELLO:
            raise ConnectionError(f"a hello was expected, not a frame of kind {kind}")
        for _ in range(payload["services"]):
            kind, slot, (name, _fingerprint, messages, *_) = self.read()
            self.services[name] = (slot, {message[0]: (index, message[1]) for index, message in enumerate(messages)})

    def write(self, kind, header, payload=b""):
        length = len(header) - 4 + len(payload)
        self.socket.sendall(struct.pack("<I", length | kind << 24) + header + payload)

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                raise ConnectionError("the other side is gone")
            data += chunk
        return bytes(data)

    def read(self):
        """The next frame that is not about the connection itself: kind, id, payload."""
        while True:
            head, ident = struct.unpack("<II", self.exactly(8))
            kind, length = head >> 24, head & 0xFFFFFF
            if length > FRAME_BYTES_MAX:
                raise ConnectionError(f"a frame of {length} bytes is too long")
            rest = self.exactly(length)
            self.frame_bytes = 8 + length
            if kind == PING:
                self.write(PONG, struct.pack("<I", ident))
            elif kind == GOODBYE:
                raise ConnectionError("the other side says goodbye: {}: {}".format(*cbor2.loads(rest)))
            elif kind in (HELLO, PROVIDE, REPLY, ITEM, ERROR, REFUSE):
                if kind == REFUSE and ident == 0:
                    print("a send was refused:", *cbor2.loads(rest), file=sys.stderr)
                    continue
                return kind, ident, cbor2.loads(rest)

    def route(self, service, message, kind):
        if service not in self.services:
            raise LookupError(f"the other side provides no {service}")
        slot, messages = self.services[service]
        if messages.get(message, (0, None))[1] != kind:
            raise LookupError(f"{service} has no {kind} named {message}")
        return slot, messages[message][0]

    def ask(self, kind, service, message, value, milliseconds):
        self.last_id += 1
        route = self.route(service, message, "call" if kind == CALL else "stream")
        payload = UNDEFINED if value is None else cbor2.dumps(value)
        self.write(kind, struct.pack("<IHHI", self.last_id, *route, milliseconds), payload)
        return self.last_id

    def call(self, service, message, value=None, milliseconds=10_000):
        ident = self.ask(CALL, service, message, value, milliseconds)
        while True:
            kind, answered, payload = self.read()
            if answered == ident and kind == REPLY:
                return payload
            if answered == ident and kind in (ERROR, REFUSE):
                raise RemoteError(*payload)

    def send(self, service, message, value=None):
        # One at a time is within any credit, as long as the receiver handles what it gets.
        payload = UNDEFINED if value is None else cbor2.dumps(value)
        self.write(SEND, struct.pack("<HH", *self.route(service, message, "send")), payload)

    def stream(self, service, message, value=None, milliseconds=0):
        ident, items, size = self.ask(STREAM, service, message, value, milliseconds), 0, 0
        while True:
            kind, answered, payload = self.read()
            if answered != ident:
                continue
            if kind == REPLY:
                return
            if kind in (ERROR, REFUSE):
                raise RemoteError(*payload)
            items, size = items + 1, size + self.frame_bytes
            yield payload
            if items * 2 >= self.window[0] or size * 2 >= self.window[1]:
                self.write(ALLOW, struct.pack("<IHHI", ident, 0, items, size))
                items, size = 0, 0

    def close(self):
        self.write(GOODBYE, struct.pack("<I", 0), cbor2.dumps(["closed", ""]))
        self.socket.shutdown(socket.SHUT_WR)
        while self.socket.recv(65536):
            pass
        self.socket.close()


def main():
    peer = Peer(sys.argv[1], int(sys.argv[2]))
    print("the server provides", ", ".join(sorted(peer.services)))
    print("add:", peer.call("calculator", "add", {"a": 1, "b": 2}))
    peer.send("calculator", "log", "hello from Python")
    counted = list(peer.stream("calculator", "count", {"to": 1000}))
    print("count:", len(counted), "outputs, the last is", counted[-1])
    try:
        peer.call("calculator", "divide", {"a": 1, "b": 0})
    except RemoteError as error:
        print("divide:", error.code, error.data)
    print("logged:", peer.call("calculator", "logged"))
    peer.close()


if __name__ == "__main__":
    main()
