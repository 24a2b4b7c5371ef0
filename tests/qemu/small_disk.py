"""A file system that a test can fill, for a daemon's state."""
import os
import subprocess

from lib.runner import skip


class SmallDisk:
    """A file system of 2 MiB in that folder, which can be filled to the last byte."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=False).returncode:
            skip("no file system can be mounted here")

    def fill(self):
        fd = os.open(os.path.join(self.folder, "filler"), os.O_WRONLY | os.O_CREAT)
        size = 1 << 16
        while size:
            try:
                os.write(fd, b"x" * size)
            except OSError:
                size //= 2
        os.close(fd)

    def empty(self):
        os.unlink(os.path.join(self.folder, "filler"))

    def close(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)
