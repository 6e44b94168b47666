"""Steps the clock that a camera's RTCP sender reports tell."""

from __future__ import annotations

import ctypes
from typing import Any

_SENDER_REPORT = 200
_NTP_OFFSET = 8
_MAP_READ = 1


class _MapInfo(ctypes.Structure):
    _fields_ = (
        ("memory", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("maxsize", ctypes.c_size_t),
        ("user_data", ctypes.c_void_p * 4),
        ("reserved", ctypes.c_void_p * 4),
    )


_gst = ctypes.CDLL("libgstreamer-1.0.so.0")
_gst.gst_buffer_map.argtypes = (ctypes.c_void_p, ctypes.POINTER(_MapInfo), ctypes.c_int)
_gst.gst_buffer_unmap.argtypes = (ctypes.c_void_p, ctypes.POINTER(_MapInfo))


def step_report(buffer: Any, seconds: float) -> None:
    """Add `seconds` to the NTP time in `buffer`, an RTCP packet that is about to be sent; leave others alone.

    Python's bindings hand out copies of a buffer's bytes only, so this goes through the C library.
    """
    address = hash(buffer)
    info = _MapInfo()
    if not _gst.gst_buffer_map(address, ctypes.byref(info), _MAP_READ):
        raise OSError("an RTCP packet could not be opened")
    packet = (ctypes.c_ubyte * info.size).from_address(info.data)
    if info.size >= _NTP_OFFSET + 8 and packet[1] == _SENDER_REPORT:
        ntp = int.from_bytes(bytes(packet[_NTP_OFFSET : _NTP_OFFSET + 8]), "big")
        stepped = (ntp + round(seconds * (1 << 32))) % (1 << 64)
        packet[_NTP_OFFSET : _NTP_OFFSET + 8] = stepped.to_bytes(8, "big")
    _gst.gst_buffer_unmap(address, ctypes.byref(info))
