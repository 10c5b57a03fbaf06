"""A caller over WebRTC: speaks what it is told, keeps what it hears and when."""

import asyncio
import time
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

RATE = 48_000
FRAME = RATE // 50
LOUD = 300  # of 32768: above what Opus makes of silence


class Microphone(MediaStreamTrack):
    """Sends PCM of 16 kHz as it is given, in real time, and silence in between."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.pcm = np.zeros(0, "<i2")
        self.frames = 0
        self.begun = None
        self.spoke_until = None

    def say(self, pcm):
        self.pcm = np.concatenate([self.pcm, np.frombuffer(pcm, "<i2").repeat(RATE // 16_000)])

    async def recv(self):
        self.begun = self.begun or time.monotonic()
        await asyncio.sleep(max(0, self.begun + self.frames * FRAME / RATE - time.monotonic()))
        samples, self.pcm = self.pcm[:FRAME], self.pcm[FRAME:]
        if len(samples):
            self.spoke_until = time.monotonic()
        samples = np.pad(samples, (0, FRAME - len(samples)))
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), self.frames * FRAME
        self.frames += 1
        return frame


class Caller:
    """One peer connection to a conversation."""

    def __init__(self):
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.connection.addTrack(self.microphone)
        self.loud_at = []
        self.heard = []
        self._tasks = []
        self._changed = asyncio.Event()
        self.connection.on("connectionstatechange", self._changed.set)
        self.connection.on("track", lambda track: self._tasks.append(asyncio.create_task(self._listen(track))))

    async def offer(self):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer):
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(10):
            while self.connection.connectionState != "connected":
                await self._changed.wait()
                self._changed.clear()

    async def _listen(self, track):
        try:
            while True:
                frame = await track.recv()
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                self.heard.append(samples)
                if np.abs(samples.astype(int)).max() > LOUD:
                    self.loud_at.append(time.monotonic())
                    self._changed.set()
        except MediaStreamError:
            return

    async def sound(self, since=0.0):
        """Wait until something is heard after a moment; return when."""
        async with asyncio.timeout(30):
            while not self.loud_at or self.loud_at[-1] <= since:
                self._changed.clear()
                await self._changed.wait()
        return next(at for at in self.loud_at if at > since)

    async def aclose(self):
        await self.connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
