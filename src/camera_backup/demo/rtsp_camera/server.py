"""The RTSP side: each client gets a pipeline of its own into which a camera's frames are pushed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions come first

from .reports import step_report  # noqa: E402 - so

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .camera import Camera
    from .spec import CameraSpec

log = logging.getLogger(__name__)

_ANYBODY = "anybody"
_SECOND = 1_000_000_000
_CLEAN_UP_SECONDS = 5
# A client that stops reading costs this much memory, then loses frames.
_APPSRC = "is-live=true format=time block=false max-bytes=67108864 leaky-type=downstream"
_VIDEO = {
    "h264": ("video/x-h264", "rtph264pay"),
    "h265": ("video/x-h265", "rtph265pay"),
}
_AUDIO = {
    "aac": "rtpmp4gpay name=pay1 pt=97",
    "pcma": "rtppcmapay name=pay1 pt=8",
    "pcmu": "rtppcmupay name=pay1 pt=0",
}


class Outlet:
    """One client's pipeline: a `Viewer` that pushes frames into it.

    A pipeline must have seen a frame of each stream before it can describe itself. So it gets samples first, with
    time stamp 0, which are dropped behind the payloaders: nobody receives an old frame, nor waits for a keyframe.
    """

    def __init__(self, camera: Camera, media: Any) -> None:
        self.since = time.monotonic()
        self._camera = camera
        self._media = media
        self._clock_offset = 0.0
        element = media.get_element()
        self._video = element.get_by_name("video")
        self._audio = element.get_by_name("audio")
        keyframe, audio = camera.samples()
        _push(self._video, keyframe.head + keyframe.body, 0)
        if self._audio is not None:
            _push(self._audio, audio, 0)
        media.connect("prepared", self._on_prepared)
        media.connect("new-state", self._on_state)
        media.connect("unprepared", lambda _: camera.leave(self))

    def video(self, data: bytes, due: float) -> None:
        """See `Viewer`."""
        _push(self._video, data, self._stamp(due))

    def audio(self, data: bytes, due: float) -> None:
        """See `Viewer`."""
        if self._audio is not None:
            _push(self._audio, data, self._stamp(due))

    def step_clock(self, seconds: float) -> None:
        """See `Viewer`."""
        self._clock_offset = seconds

    def _stamp(self, due: float) -> int:
        return max(1, round((due - self.since) * _SECOND))

    def _on_prepared(self, media: Any) -> None:
        _, rtpbin = media.get_element().get_parent().iterate_all_by_element_factory_name("rtpbin").next()
        for number in range(media.n_streams()):
            kinds = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
            rtpbin.get_static_pad(f"send_rtp_src_{number}").add_probe(kinds, _drop_samples)
            session = rtpbin.emit("get-internal-session", number)
            session.connect("on-sending-rtcp", self._on_sending_rtcp)

    def _on_sending_rtcp(self, _: Any, buffer: Any, _early: bool) -> bool:
        if self._clock_offset:
            step_report(buffer, self._clock_offset)
        return False

    def _on_state(self, _: Any, state: int) -> None:
        if state == Gst.State.PLAYING:
            self._camera.leave(self)
            self._camera.join(self)
        else:
            self._camera.leave(self)


def _push(source: Any, data: bytes, stamp: int) -> None:
    buffer = Gst.Buffer.new_wrapped(data)
    buffer.pts = stamp
    source.emit("push-buffer", buffer)


def _drop_samples(_: Any, info: Any) -> Any:
    several = info.type & Gst.PadProbeType.BUFFER_LIST
    buffer = info.get_buffer_list().get(0) if several else info.get_buffer()
    return Gst.PadProbeReturn.DROP if buffer.pts == 0 else Gst.PadProbeReturn.REMOVE


class Server:
    """An RTSP server with a set of cameras. Raises OSError if it cannot listen."""

    def __init__(self, host: str, port: int, cameras: Iterable[Camera]) -> None:
        Gst.init(None)
        self._server = GstRtspServer.RTSPServer()
        self._server.set_address(host)
        self._server.set_service(str(port))
        self._server.get_thread_pool().set_max_threads(-1)
        cameras = list(cameras)
        if any(camera.spec.user for camera in cameras):
            self._server.set_auth(_auth(cameras))
        for camera in cameras:
            self._server.get_mount_points().add_factory(f"/{camera.spec.path}", _factory(camera))
        if not self._server.attach(None):
            raise OSError(f"cannot listen on {host}:{port}")
        GLib.timeout_add_seconds(_CLEAN_UP_SECONDS, self._clean_up)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.get_bound_port())

    def _clean_up(self) -> bool:
        self._server.get_session_pool().cleanup()
        return True


def _factory(camera: Camera) -> Any:
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_launch_line(camera))
    role = _role(camera.spec)
    permissions = GstRtspServer.RTSPPermissions()
    # Who may see that there is a camera, but not open it, is asked for a password; the others are told 404.
    permissions.add_permission_for_role(_ANYBODY, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    factory.set_permissions(permissions)
    factory.connect("media-configure", lambda _, media: Outlet(camera, media))
    return factory


def _launch_line(camera: Camera) -> str:
    caps, payloader = _VIDEO[camera.spec.video]
    caps += ",stream-format=byte-stream,alignment=au"
    line = f'appsrc name=video {_APPSRC} caps="{caps}" ! {payloader} name=pay0 pt=96'
    if camera.spec.audio != "none":
        line += f' appsrc name=audio {_APPSRC} caps="{_audio_caps(camera)}" ! {_AUDIO[camera.spec.audio]}'
    return f"( {line} )"


def _audio_caps(camera: Camera) -> str:
    audio = camera.feed.sound
    shape = f"rate={audio.rate},channels={audio.channels}"
    if camera.spec.audio == "aac":
        return f"audio/mpeg,mpegversion=4,stream-format=raw,codec_data=(buffer){audio.config.hex()},{shape}"
    return f"audio/x-{'alaw' if camera.spec.audio == 'pcma' else 'mulaw'},{shape}"


def _auth(cameras: list[Camera]) -> Any:
    auth = GstRtspServer.RTSPAuth()
    guarded = [camera.spec for camera in cameras if camera.spec.user]
    if len({spec.auth for spec in guarded}) > 1:
        raise ValueError("one server asks for one kind of authentication")
    users = {spec.user: spec for spec in guarded}
    if any(users[spec.user].password != spec.password for spec in guarded):
        raise ValueError("one user has one password")
    for user, spec in users.items():
        if spec.auth == "digest":
            auth.add_digest(user, spec.password, _token(_role(spec)))
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, spec.password), _token(_role(spec)))
    if guarded[0].auth == "digest":
        auth.set_supported_methods(2)
    if len(guarded) < len(cameras):
        auth.set_default_token(_token(_ANYBODY))
    return auth


def _role(spec: CameraSpec) -> str:
    # A role is the name of a structure to GStreamer: letters and digits.
    return f"user-{spec.user.encode().hex()}" if spec.user else _ANYBODY


def _token(role: str) -> Any:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    return token
