"""Hashes passwords for a main process, as a process of its own: `python -I argon2_child.py idle`, or a niceness in place of `idle`.

Orders come by standard input and are answered in their order by standard output; the end of input is its end. Argon2's own functions are
imported without the package around them, which is most of what a start would take: it takes 10 ms like this.
"""

import contextlib
import os
import resource
import struct
import sys
from typing import BinaryIO

from _argon2_cffi_bindings import ffi, lib

# RFC 9106, 4: 128 bits of salt, 256 bits of tag.
SALT_BYTES = 16
HASH_BYTES = 32
# KiB of memory, passes over it, bytes of the hash to verify (0: make one), bytes of the password; those bytes follow.
ORDER = struct.Struct("!IIHH")
# Bytes of the answer that follow: a hash, or one of these; none when there was not the memory for it.
ANSWER = struct.Struct("!H")
RIGHT, WRONG = b"1", b"0"
_NO_MEMORY = (lib.ARGON2_MEMORY_ALLOCATION_ERROR, lib.ARGON2_THREAD_FAIL)


def order(memory_kib: int, passes: int, hashed: str, password: str) -> bytes:
    """The frame that asks for `password` to be verified against `hashed`, or hashed where that is empty."""
    given, secret = hashed.encode(), password.encode()
    return ORDER.pack(memory_kib, passes, len(given), len(secret)) + given + secret


def _hash(memory_kib: int, passes: int, secret: bytes) -> bytes:
    size = lib.argon2_encodedlen(passes, memory_kib, 1, SALT_BYTES, HASH_BYTES, lib.Argon2_id)
    encoded = ffi.new("char[]", size)
    salt = os.urandom(SALT_BYTES)
    cost = (passes, memory_kib, 1, secret, len(secret), salt, SALT_BYTES)
    status = lib.argon2_hash(*cost, ffi.NULL, HASH_BYTES, encoded, size, lib.Argon2_id, lib.ARGON2_VERSION_13)
    return bytes(ffi.string(encoded)) if status == lib.ARGON2_OK else b""


def _verify(hashed: bytes, secret: bytes) -> bytes:
    """What is no hash of argon2id is nobody's password."""
    status = lib.argon2_verify(ffi.new("char[]", hashed), secret, len(secret), lib.Argon2_id)
    if status in _NO_MEMORY:
        return b""
    return RIGHT if status == lib.ARGON2_OK else WRONG


def _step_back(priority: str) -> None:
    """`idle`: whoever else wants the processor has it at once, where a nice task would be let finish its slice of some milliseconds."""
    with contextlib.suppress(OSError):
        if priority == "idle" and sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.nice(19 if priority == "idle" else int(priority))


def serve(orders: BinaryIO, answers: BinaryIO) -> None:
    while len(head := orders.read(ORDER.size)) == ORDER.size:
        memory_kib, passes, hashed_bytes, secret_bytes = ORDER.unpack(head)
        hashed, secret = orders.read(hashed_bytes), orders.read(secret_bytes)
        answer = _verify(hashed, secret) if hashed else _hash(memory_kib, passes, secret)
        answers.write(ANSWER.pack(len(answer)) + answer)
        answers.flush()


if __name__ == "__main__":
    _step_back(sys.argv[1])
    # A password is to be in no file: not in that of a crash either.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
