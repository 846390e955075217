// Draws the test scene: planes at their distances, each with its blur, then distortion, vignetting and brightness.

import type { ViewfinderState } from "./types";

export const WIDTH = 384;
export const HEIGHT = 256;
/** The planes are drawn larger than the picture, so that blur and a wide view find something at the edges. */
const MARGIN = 2.2;
const RADIUS = Math.hypot(WIDTH, HEIGHT) / 2;

type Pen = CanvasRenderingContext2D;

/** Paint the scene as a lens with these settings shows it. */
export function paint(canvas: HTMLCanvasElement, found: ViewfinderState, corrected: boolean): void {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const perPixel = found.sensor_um / WIDTH;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.filter = "none";
  context.fillStyle = "#10161c";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const breathing = corrected ? 1 : (found.breathing ?? 1);
  for (const plane of found.planes) {
    const draw = PLANES[plane.name];
    if (!draw) continue;
    // The diameter of the disc becomes the deviation of a Gaussian with the same energy.
    const blur = plane.blur_um / perPixel / 3.4;
    context.filter = blur > 0.25 ? `blur(${Math.min(80, blur).toFixed(2)}px)` : "none";
    const size = Math.max(0.2, Math.min(6, found.framing)) * breathing;
    context.drawImage(
      layer(plane.name, draw),
      WIDTH / 2 - (WIDTH * MARGIN * size) / 2,
      HEIGHT / 2 - (HEIGHT * MARGIN * size) / 2,
      WIDTH * MARGIN * size,
      HEIGHT * MARGIN * size,
    );
  }
  context.filter = "none";
  develop(context, found, corrected);
  frame(context);
}

const layers = new Map<string, HTMLCanvasElement>();

/** A plane, drawn once at twice its size. */
function layer(name: string, draw: (context: Pen) => void): HTMLCanvasElement {
  let known = layers.get(name);
  if (!known) {
    known = document.createElement("canvas");
    known.width = WIDTH * MARGIN * 2;
    known.height = HEIGHT * MARGIN * 2;
    const context = known.getContext("2d")!;
    context.setTransform(2, 0, 0, 2, known.width / 2, known.height / 2);
    draw(context);
    layers.set(name, known);
  }
  return known;
}

/** Each plane is drawn around the middle of the picture, which is 0, 0. */
const PLANES: Record<string, (context: Pen) => void> = { horizon, background, subject, foreground };

function horizon(context: Pen): void {
  const sky = context.createLinearGradient(0, -HEIGHT, 0, HEIGHT * 0.2);
  sky.addColorStop(0, "#38658c");
  sky.addColorStop(1, "#c9d3d6");
  context.fillStyle = sky;
  context.fillRect(-WIDTH * 1.2, -HEIGHT * 1.2, WIDTH * 2.4, HEIGHT * 2.4);
  context.fillStyle = "#6f8598";
  context.beginPath();
  context.moveTo(-WIDTH * 1.2, 40);
  for (let x = -WIDTH * 1.2; x <= WIDTH * 1.2; x += 16) {
    context.lineTo(x, -18 + 26 * Math.sin(x / 70) + 14 * Math.sin(x / 23 + 2) + 6 * Math.sin(x / 9));
  }
  context.lineTo(WIDTH * 1.2, 60);
  context.fill();
  context.fillStyle = "#515f4b";
  context.fillRect(-WIDTH * 1.2, 34, WIDTH * 2.4, HEIGHT * 1.2);
  // Lights: out of focus each becomes a disc.
  for (let index = 0; index < 26; index++) {
    context.fillStyle = index % 3 ? "#ffe9b0" : "#ffb27a";
    context.beginPath();
    context.arc(((index * 97) % 460) - 230, 18 + ((index * 53) % 26), 1.7, 0, 7);
    context.fill();
  }
}

function background(context: Pen): void {
  for (const [x, width, height, colour] of [
    [-250, 34, 150, "#4b3d33"],
    [-150, 22, 120, "#5a4a3d"],
    [146, 26, 132, "#544438"],
    [236, 38, 160, "#463a31"],
  ] as [number, number, number, string][]) {
    context.fillStyle = colour;
    context.fillRect(x, 66 - height, width, height + 80);
    context.fillStyle = "#c8bfae";
    for (let y = 76 - height; y < 50; y += 16) context.fillRect(x + 6, y, 4, 7);
  }
  context.fillStyle = "#3f4a36";
  context.fillRect(-WIDTH * 1.2, 70, WIDTH * 2.4, HEIGHT);
}

function subject(context: Pen): void {
  // A chart on a stand: a Siemens star, and lines that become finer.
  context.fillStyle = "#2b2420";
  context.fillRect(-5, 84, 10, 120);
  context.fillStyle = "#efece6";
  context.fillRect(-112, -84, 224, 168);
  context.strokeStyle = "#20242a";
  context.lineWidth = 2;
  context.strokeRect(-112, -84, 224, 168);
  context.fillStyle = "#15181c";
  const spokes = 36;
  for (let index = 0; index < spokes; index++) {
    context.beginPath();
    context.moveTo(0, -6);
    context.arc(0, -6, 66, (index / spokes) * 2 * Math.PI, ((index + 0.5) / spokes) * 2 * Math.PI);
    context.fill();
  }
  let x = -104;
  for (let width = 5; width > 0.6; width *= 0.86) {
    context.fillRect(x, 66, width, 13);
    x += width * 2;
  }
  ["#b8483b", "#3c8f5b", "#3b64a8", "#d9a63a", "#7d7d7d"].forEach((colour, index) => {
    context.fillStyle = colour;
    context.fillRect(84, -78 + index * 26, 22, 22);
  });
  context.fillStyle = "#15181c";
  context.font = "700 11px sans-serif";
  context.fillText("LENSMOUNT", -104, -68);
  context.font = "6px sans-serif";
  context.fillText("test scene of the model", -104, -58);
}

function foreground(context: Pen): void {
  context.lineWidth = 5;
  for (const [x, lean, colour] of [
    [-170, 30, "#2f6b3d"],
    [-196, -12, "#3b7d45"],
    [-150, 62, "#28583a"],
    [182, -34, "#2f6b3d"],
    [206, 8, "#3b7d45"],
  ] as [number, number, string][]) {
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(x, 210);
    context.quadraticCurveTo(x + lean * 0.2, 130, x + lean, 70);
    context.stroke();
    context.fillStyle = lean > 0 ? "#c65b7c" : "#d6b24a";
    for (let petal = 0; petal < 6; petal++) {
      context.beginPath();
      context.ellipse(x + lean + 9 * Math.cos(petal), 66 + 9 * Math.sin(petal), 8, 5, petal, 0, 7);
      context.fill();
    }
  }
}

/** Distortion and vignetting where they are not corrected, and the brightness, pixel by pixel. */
function develop(context: Pen, found: ViewfinderState, corrected: boolean): void {
  const gain = 2 ** Math.max(-6, Math.min(6, found.stops));
  const [v = 0, a = 0, b = 0, c = 0] = found.distortion;
  const [va = 0, vb = 0, vc = 0] = found.vignetting;
  const source = context.getImageData(0, 0, WIDTH, HEIGHT);
  const target = context.createImageData(WIDTH, HEIGHT);
  const tone = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value++) tone[value] = developed(value, gain);
  for (let y = 0, at = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, at += 4) {
      let from = at;
      let light = 1;
      if (!corrected) {
        const [dx, dy] = [x - WIDTH / 2, y - HEIGHT / 2];
        const r2 = (dx * dx + dy * dy) / (RADIUS * RADIUS);
        // The picture before correction: the point that belongs here lies nearer to the middle, or farther from it.
        const factor = (1 + a * r2 + b * r2 * r2 + c * r2 * r2 * r2) / (1 + v);
        const sx = Math.min(WIDTH - 1, Math.max(0, Math.round(WIDTH / 2 + dx * factor)));
        const sy = Math.min(HEIGHT - 1, Math.max(0, Math.round(HEIGHT / 2 + dy * factor)));
        from = (sy * WIDTH + sx) * 4;
        light = Math.max(0.05, 1 + va * r2 + vb * r2 * r2 + vc * r2 * r2 * r2);
      }
      for (let channel = 0; channel < 3; channel++) {
        const value = source.data[from + channel];
        target.data[at + channel] = light === 1 ? tone[value] : developed(value, gain * light);
      }
      target.data[at + 3] = 255;
    }
  }
  context.putImageData(target, 0, 0);
}

/** A value after exposure: light is linear, what a screen shows is not, and highlights do not clip at once. */
function developed(value: number, gain: number): number {
  const light = (value / 255) ** 2.2 * gain;
  const rolled = light <= 0.8 ? light : 0.8 + 0.2 * (1 - Math.exp(-(light - 0.8) / 0.6));
  return 255 * rolled ** (1 / 2.2);
}

/** The area that autofocus looks at. */
function frame(context: Pen): void {
  context.strokeStyle = "rgba(255, 220, 90, 0.95)";
  context.lineWidth = 1.5;
  const [w, h, arm] = [64, 48, 10];
  for (const [sx, sy] of [
    [-1, -1],
    [1, -1],
    [-1, 1],
    [1, 1],
  ]) {
    const [x, y] = [WIDTH / 2 + (sx * w) / 2, HEIGHT / 2 + (sy * h) / 2];
    context.beginPath();
    context.moveTo(x - sx * arm, y);
    context.lineTo(x, y);
    context.lineTo(x, y - sy * arm);
    context.stroke();
  }
}
