// Where sound and picture come from: the chosen camera and microphone, or a drawn clock with a soft tone where there is none.

export async function cameras() {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  return all.filter((device) => device.kind === "videoinput");
}

/** A stream of the camera `id` (null: the front one). Throws what getUserMedia throws; TypeError where there is no such thing. */
export function camera(id = null) {
  return navigator.mediaDevices.getUserMedia({
    video: {
      ...(id ? { deviceId: { exact: id } } : { facingMode: "user" }),
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 30 },
    },
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
}

/** A moving clock on a canvas and a quiet tone: a live that works on a machine without camera. */
export function clockFace(label) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 720, height: 1280 });
  const pen = canvas.getContext("2d");
  const began = performance.now();
  const draw = () => paint(pen, canvas, (performance.now() - began) / 1000, label);
  draw();
  // Not requestAnimationFrame: a tab in the background goes on.
  const timer = setInterval(draw, 1000 / 30);
  const stream = canvas.captureStream(30);

  const sound = new AudioContext();
  const out = sound.createMediaStreamDestination();
  const tone = new OscillatorNode(sound, { frequency: 220 });
  const level = new GainNode(sound, { gain: 0.06 });
  tone.connect(level).connect(out);
  tone.start();
  stream.addTrack(out.stream.getAudioTracks()[0]);
  stream.getVideoTracks()[0].addEventListener("ended", () => clearInterval(timer));
  stream.stopDrawing = () => {
    clearInterval(timer);
    // Stopped twice where the page is left after the end.
    if (sound.state !== "closed") sound.close();
  };
  return stream;
}

function paint(pen, { width, height }, seconds, label) {
  const turn = seconds * 0.3;
  const sky = pen.createLinearGradient(0, 0, width * Math.abs(Math.cos(turn / 3)), height);
  sky.addColorStop(0, "#12685a");
  sky.addColorStop(0.6, "#0e3d4d");
  sky.addColorStop(1, "#0b0e10");
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);

  const [x, y, radius] = [width / 2, height * 0.42, width * 0.34];
  pen.lineCap = "round";
  pen.lineWidth = 10;
  pen.strokeStyle = "rgb(255 255 255 / 14%)";
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.stroke();
  pen.strokeStyle = "#34d5b1";
  const angle = ((seconds % 10) / 10) * 2 * Math.PI - Math.PI / 2;
  pen.beginPath();
  pen.arc(x, y, radius, -Math.PI / 2, angle);
  pen.stroke();
  pen.fillStyle = "#ffffff";
  pen.beginPath();
  pen.arc(x + Math.cos(angle) * radius, y + Math.sin(angle) * radius, 18, 0, 2 * Math.PI);
  pen.fill();

  pen.textAlign = "center";
  pen.font = "700 96px system-ui, sans-serif";
  pen.fillText(new Date().toLocaleTimeString([], { hour12: false }), x, y + 40);
  pen.font = "500 34px system-ui, sans-serif";
  pen.fillStyle = "rgb(255 255 255 / 70%)";
  pen.fillText(label, x, y + 110);
}

/** Lights off: every track ended, every timer gone. */
export function stop(stream) {
  stream?.stopDrawing?.();
  for (const track of stream?.getTracks() ?? []) track.stop();
}
