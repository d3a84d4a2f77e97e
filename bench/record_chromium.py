"""What Chromium's MediaRecorder costs beside the drawing of what it records, for `record_beside`.

A page draws 720p at 30 pictures a second beside a tone, for the same time without and with a MediaRecorder: CPU of the browser's processes,
one less the other. Like one that records what it receives, it codes each picture anew.
"""

import base64
import os
from pathlib import Path
from typing import Any

from bench import processes
from bench.load import LoadFailed

START_S = 3.0
# A stream from a canvas has no picture that is not painted, and headless pages paint by their own timers.
_PAGE = """
<canvas width="1280" height="720"></canvas>
<script>
const canvas = document.querySelector('canvas'), brush = canvas.getContext('2d');
let drawn = 0;
const draw = () => {
  drawn += 1;
  const shades = brush.createLinearGradient(0, (drawn * 4) % 720, 1280, 720);
  for (const [at, shade] of [[0, 'navy'], [0.5, 'teal'], [1, 'white']]) shades.addColorStop(at, shade);
  brush.fillStyle = shades;
  brush.fillRect(0, 0, 1280, 720);
  for (let block = 0; block < 16; block += 1) {
    brush.fillStyle = `hsl(${(drawn * 37 + block * 83) % 360} 80% 50%)`;
    brush.fillRect((drawn * 13 + block * 397) % 1272, (drawn * 7 + block * 211) % 712, 8, 8);
  }
};
setInterval(draw, 1000 / 30);
const wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
let stream = null;
async function start() {
  const context = new AudioContext(), tone = context.createOscillator(), sound = context.createMediaStreamDestination();
  tone.connect(sound);
  tone.start();
  stream = new MediaStream([...canvas.captureStream(30).getTracks(), ...sound.stream.getTracks()]);
}
async function record(codec, seconds) {
  const mimeType = `video/webm;codecs=${codec},opus`;
  if (!MediaRecorder.isTypeSupported(mimeType)) return null;
  const recorder = new MediaRecorder(stream, {mimeType, videoBitsPerSecond: 1_500_000}), chunks = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  const stopped = new Promise((done) => { recorder.onstop = done; });
  recorder.start(1000);
  await wait(seconds);
  recorder.stop();
  await stopped;
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
</script>
"""


def is_there() -> bool:
    from bench import live_glass

    return Path(live_glass.CHROMIUM).exists()


async def measure(directory: Path, codec: str, seconds: float) -> tuple[dict[str, Any], Path]:
    """CPU-ms a recorded second, and the file. Raises LoadFailed where the browser cannot code it."""
    from playwright.async_api import Error, async_playwright

    from bench import live_glass

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=live_glass.CHROMIUM, args=list(live_glass.ARGUMENTS))
        try:
            page = await (await browser.new_context()).new_page()
            await page.set_content(_PAGE)
            await page.evaluate("start()")
            # What the browser does as it starts is neither drawing nor recording.
            await page.evaluate("(seconds) => wait(seconds)", START_S)
            before = _cpu_s()
            await page.evaluate("(seconds) => wait(seconds)", seconds)
            drawing = _cpu_s()
            recorded = await page.evaluate("([codec, seconds]) => record(codec, seconds)", [codec, seconds])
            spent_s = (_cpu_s() - drawing) - (drawing - before)
        except Error as exc:
            raise LoadFailed(f"chromium: {exc.message}") from exc
        finally:
            await browser.close()
    if recorded is None:
        raise LoadFailed(f"this Chromium records no {codec}")
    path = directory / "chromium.webm"
    path.write_bytes(base64.b64decode(recorded))
    return {"seconds": seconds, "cpu_ms_per_s": 1000 * spent_s / seconds}, path


def _cpu_s() -> float:
    """Of everything that this process started: the browser's processes, and the driver, which waits."""
    mine = os.getpid()
    return sum(usage.cpu_s for pid, usage in processes.sample([mine]).processes.items() if pid != mine)
