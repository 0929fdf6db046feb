"""A load of its own process, for clients that write at a steady rate and whose gaps count: `python3 paced.py SETTINGS` begins when it
says "ready", goes on until its input ends, and then says when each write was sent and acknowledged, and what was not 2xx.

Times are of CLOCK_MONOTONIC, which all processes share."""

import json
import random
import socket
import struct
import sys
import threading
import time


class Client(threading.Thread):
    """One connection. With an `interval` it sends one request in each, as long as it is not waiting for an answer; without, at once."""

    def __init__(self, settings, number):
        super().__init__(daemon=True)
        self.settings, self.number = settings, number
        self.random = random.Random(number)
        self.interval = settings["clients"] / settings["rate"] if settings["rate"] else 0
        self.done, self.bad = [], 0
        self.stopping = threading.Event()
        self.socket = None

    def request(self):
        rows, first = self.settings["rows"], self.settings["first"]
        if self.random.random() < self.settings["inserts"]:
            method, path = "POST", "/rest/v1/tasks"
            body = json.dumps({"project_id": f"10000000-0000-4000-8000-{self.settings['project']:012x}", "title": "Order more sleeves"})
        else:
            identity = f"00000000-0000-4000-8000-{first + self.random.randrange(rows):012x}"
            method, path, body = "PATCH", f"/rest/v1/tasks?id=eq.{identity}", json.dumps({"priority": self.random.randrange(5)})
        return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.settings['token']}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()

    def answer(self):
        """The status of an answer, read to its end."""
        text = b""
        while b"\r\n\r\n" not in text:
            piece = self.socket.recv(65536)
            if not piece:
                raise OSError("closed")
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            piece = self.socket.recv(65536)
            if not piece:
                raise OSError("closed")
            body += piece
        return int(head.split(b" ", 2)[1])

    def run(self):
        due = time.monotonic() + self.random.random() * self.interval
        while not self.stopping.is_set():
            if self.interval:
                now = time.monotonic()
                if due > now and self.stopping.wait(due - now):
                    return
                # What could not be sent while an answer was awaited is not made up for.
                due = max(due + self.interval, now)
            request = self.request()
            sent = time.monotonic()
            try:
                if self.socket is None:
                    self.socket = socket.create_connection(("127.0.0.1", self.settings["port"]), timeout=30)
                    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.socket.sendall(request)
                good = self.answer() < 300
            except OSError:
                self.socket, good = None, False
            if good:
                self.done.append((sent, time.monotonic()))
            else:
                self.bad += 1


def main():
    settings = json.loads(sys.argv[1])
    sys.setswitchinterval(0.0005)
    clients = [Client(settings, number) for number in range(settings["clients"])]
    for client in clients:
        client.start()
    print("ready", flush=True)
    sys.stdin.read()
    for client in clients:
        client.stopping.set()
    for client in clients:
        client.join(35)
    done = [pair for client in clients for pair in client.done]
    out = sys.stdout.buffer
    out.write(struct.pack("<qq", len(done), sum(client.bad for client in clients)))
    for pair in sorted(done, key=lambda pair: pair[1]):
        out.write(struct.pack("<dd", *pair))
    out.flush()


if __name__ == "__main__":
    main()
