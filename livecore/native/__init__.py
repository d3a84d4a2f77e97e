"""The optional native helper: a plain C shared object, built by `make setup` where there is a compiler, called through cffi.

What it does, pure Python does as well (slower); the tests run both. It takes no Python headers, no OpenSSL and no libsrtp.
"""

from livecore.native.fanout import FanOut
from livecore.native.library import MODES, Library, load, why_missing

__all__ = ["MODES", "FanOut", "Library", "load", "why_missing"]
