"""Another implementation than a browser's: aiortc's own peer connection publishes and watches, its codecs included."""

import asyncio
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

from livecore.media.control import PublicationUp
from tests.media.worker_process import MediaProcess, media_process
from tests.waiting import until

NO_SERVERS = RTCConfiguration(iceServers=[])


async def publish(media: MediaProcess, prefer: str) -> RTCPeerConnection:
    connection = RTCPeerConnection(NO_SERVERS)
    connection.addTransceiver(VideoStreamTrack(), direction="sendonly")
    connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    answer = await media.plane.publish("live", "main", connection.localDescription.sdp, prefer=prefer)
    await connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    return connection


async def watch(media: MediaProcess) -> tuple[RTCPeerConnection, dict[str, MediaStreamTrack]]:
    connection = RTCPeerConnection(NO_SERVERS)
    tracks: dict[str, MediaStreamTrack] = {}
    connection.on("track", lambda track: tracks.update({track.kind: track}))
    connection.addTransceiver("video", direction="recvonly")
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    answer = await media.plane.subscribe("live", "main", connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    return connection, tracks


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_aiortc_sees_and_hears_what_aiortc_sends(tmp_path: Path, codec: str) -> None:
    async with media_process(tmp_path) as media:
        publisher = await publish(media, codec)
        viewer = None
        try:
            up = (await until(lambda: media.of(PublicationUp), "the publication"))[0]
            assert (up.video_codec, up.audio) == (codec, True)
            viewer, tracks = await watch(media)
            async with asyncio.timeout(20):
                pictures = [await tracks["video"].recv() for _ in range(10)]
                sounds = [await tracks["audio"].recv() for _ in range(10)]
            assert {(p.width, p.height) for p in pictures} == {(640, 480)}  # type: ignore[union-attr]
            assert len({p.pts for p in pictures}) == 10
            assert len(sounds) == 10
        finally:
            await publisher.close()
            if viewer is not None:
                await viewer.close()
