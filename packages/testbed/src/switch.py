"""A switch between network namespaces, in user space: every frame may be delayed, held up by a rate, or lost.

Started with one JSON object: {"hosts": [namespace, ...], "loss": 0.01, "delayMs": 10, "megabits": 100, "queueBytes": 262144,
"seed": 1}. Host n gets the interface eth0 with the address 10.77.0.n/24 (from 1). Says "ready", then obeys lines: "loss 0.2",
"cut 3", "mend 3"; ends when its input does.

Delay is one way. Rate and queue are those of each host's way in: what finds the queue full is dropped. Only IP is lost by
chance: how addresses are found on the link is not what is being looked at.
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
ETHERTYPE_IP = b"\x08\x00"
FRAME_BYTES_MAX = 2048


class Port:
    def __init__(self, fd):
        self.fd = fd
        self.is_cut = False
        self.free_at = 0.0


def open_port(libc, namespace, number):
    with open(f"/run/netns/{namespace}") as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", b"eth0", IFF_TAP | IFF_NO_PI))
    for command in (
        ["link", "set", "lo", "up"],
        ["link", "set", "eth0", "address", mac_of(number).hex(":")],
        ["addr", "add", f"10.77.0.{number}/24", "dev", "eth0"],
        ["link", "set", "eth0", "txqueuelen", "10000", "up"],
    ):
        subprocess.run(["ip", *command], check=True)
    return Port(fd)


def mac_of(number):
    return bytes([2, 0, 0, 0, 0, number])


class Switch:
    def __init__(self, config):
        libc = ctypes.CDLL(None, use_errno=True)
        self.ports = [open_port(libc, name, number + 1) for number, name in enumerate(config["hosts"])]
        self.loss = config["loss"]
        self.delay = config["delayMs"] / 1000
        self.seconds_per_byte = 8 / (config["megabits"] * 1e6) if config["megabits"] else 0.0
        self.queue_seconds = config["queueBytes"] * self.seconds_per_byte
        self.random = random.Random(config["seed"])
        self.under_way = []
        self.count = 0

    def take(self, source, now):
        try:
            frame = os.read(source.fd, FRAME_BYTES_MAX)
        except BlockingIOError:
            return False
        if source.is_cut:
            return True
        if frame[0] & 1:
            for port in self.ports:
                if port is not source:
                    self.send(port, frame, now)
        elif frame[:5] == b"\x02\x00\x00\x00\x00" and 0 < frame[5] <= len(self.ports):
            self.send(self.ports[frame[5] - 1], frame, now)
        return True

    def send(self, port, frame, now):
        if port.is_cut or (frame[12:14] == ETHERTYPE_IP and self.random.random() < self.loss):
            return
        begins = max(now, port.free_at)
        if begins - now > self.queue_seconds:
            return
        port.free_at = begins + len(frame) * self.seconds_per_byte
        self.count += 1
        heapq.heappush(self.under_way, (port.free_at + self.delay, self.count, port, frame))

    def deliver(self, now):
        while self.under_way and self.under_way[0][0] <= now:
            _, _, port, frame = heapq.heappop(self.under_way)
            try:
                os.write(port.fd, frame)
            except OSError:
                pass  # Nobody reads there any more.

    def obey(self, line):
        word, value = line.split()
        if word == "loss":
            self.loss = float(value)
        else:
            self.ports[int(value) - 1].is_cut = word == "cut"

    def run(self):
        by_fd = {port.fd: port for port in self.ports}
        poll = select.epoll()
        for fd in (sys.stdin.fileno(), *by_fd):
            poll.register(fd, select.EPOLLIN)
        commands = b""
        while True:
            now = time.monotonic()
            self.deliver(now)
            # Below a millisecond it does not sleep: delays of a path are not to be those of this loop.
            wait = self.under_way[0][0] - now - 0.001 if self.under_way else None
            for fd, _ in poll.poll(None if wait is None else max(0.0, wait)):
                if fd in by_fd:
                    for _ in range(64):
                        if not self.take(by_fd[fd], time.monotonic()):
                            break
                    continue
                read = os.read(fd, 4096)
                if not read:
                    return
                *lines, commands = (commands + read).split(b"\n")
                for line in lines:
                    self.obey(line.decode())
                    print("done", flush=True)


switch = Switch(json.loads(sys.argv[1]))
print("ready", flush=True)
switch.run()
