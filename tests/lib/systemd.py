"""A manager of services, as a batond sees one: keeps descriptors while it is away, and hands them to the next."""
import array
import fcntl
import os
import socket
import threading

from .patience import PATIENCE


class Manager:
    """`host.manager = Manager(path of its socket)` before a start."""

    def __init__(self, path):
        self.path = path
        self.kept = []  # (name, descriptor), in the order in which they came
        self.changed = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                data, control, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
            except OSError:
                return
            if not data:
                return
            descriptors = array.array("i")
            for level, kind, content in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    descriptors.frombytes(content[:len(content) - len(content) % 4])
            words = dict(line.split("=", 1) for line in data.decode().splitlines())
            with self.changed:
                self._obey(words, list(descriptors))
                self.changed.notify_all()

    def _obey(self, words, descriptors):
        name = words.get("FDNAME", "stored")
        if words.get("FDSTORE") == "1":
            self.kept += [(name, descriptor) for descriptor in descriptors]
            return
        for descriptor in descriptors:
            os.close(descriptor)
        if words.get("FDSTOREREMOVE") == "1":
            for entry in [e for e in self.kept if e[0] == name]:
                self.kept.remove(entry)
                os.close(entry[1])

    def wait_kept(self, count, timeout=PATIENCE):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.kept) == count, timeout):
                raise TimeoutError(f"{len(self.kept)} descriptors are kept, not {count}")
            return [name for name, _ in self.kept]

    def write(self, data):
        """What a daemon would have said over the one kept connection."""
        (_, descriptor), = self.kept
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            connection.sendall(data)

    def command(self, arguments):
        """(arguments, keywords of Popen) of a start with what is kept, each from descriptor 3 on."""
        with self.changed:
            high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 200) for _, descriptor in self.kept]
            names = ":".join(name for name, _ in self.kept)
        environment = {**os.environ, "NOTIFY_SOCKET": self.path}
        if not high:
            return arguments, {"env": environment}
        environment |= {"LISTEN_FDS": str(len(high)), "LISTEN_FDNAMES": names}
        moves = " ".join(f"{3 + i}<&{fd} {fd}<&-" for i, fd in enumerate(high))
        script = f'export LISTEN_PID=$$; exec "$@" {moves}'
        return ["/bin/bash", "-c", script, "batond", *arguments], {"env": environment, "pass_fds": high}

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for _, descriptor in self.kept:
            os.close(descriptor)
        self.kept = []
