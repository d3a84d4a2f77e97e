// A small line of the last minute, drawn by the canvas in the colour of the text around it.

const POINTS = 60;

export class Chart {
  constructor(canvas, { floor = 1 } = {}) {
    Object.assign(this, { canvas, floor, values: [] });
  }

  push(value) {
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    this.#draw();
  }

  #draw() {
    const { canvas, values } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    if (!width) return;
    if (canvas.width !== width) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const top = Math.max(this.floor, ...values) * 1.15;
    const x = (i) => width - (values.length - 1 - i) * (width / (POINTS - 1));
    const y = (value) => height - 2 * ratio - (value / top) * (height - 4 * ratio);
    const colour = getComputedStyle(canvas).color;
    pen.strokeStyle = colour;
    pen.lineWidth = 2 * ratio;
    pen.lineJoin = "round";
    pen.beginPath();
    values.forEach((value, i) => (i ? pen.lineTo(x(i), y(value)) : pen.moveTo(x(i), y(value))));
    pen.stroke();
    pen.lineTo(width, height);
    pen.lineTo(x(0), height);
    pen.globalAlpha = 0.18;
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
  }
}
