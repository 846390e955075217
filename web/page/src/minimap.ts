// Draws the minimap: the whole session in one strip, with the part that the timeline shows.

import { ROUTINE, type Columns } from "./columns";
import { columnFiller, rankColour, type Scene } from "./draw";
import { rankBins, type Bins } from "./lod";
import type { View } from "./state";

interface Strip {
  data: Columns;
  rows: number;
  width: number;
  t0: number;
  t1: number;
  sides: Bins[];
}

let strip: Strip | null = null;

/** What the strip shows changes only with the data and the width, and not with the part that is shown. */
function stripOf(scene: Scene, whole: View): Strip {
  const { data } = scene;
  const width = Math.floor(scene.width);
  if (
    !strip ||
    strip.data !== data ||
    strip.rows !== data.rows ||
    strip.width !== width ||
    strip.t0 !== whole.t0 ||
    strip.t1 !== whole.t1
  ) {
    const sides = data.sent.map((sent) => rankBins(sent, whole.t0, whole.t1, width));
    strip = { data, rows: data.rows, width, t0: whole.t0, t1: whole.t1, sides };
  }
  return strip;
}

/** The whole session in one strip, with the part that the timeline shows. */
export function drawMinimap(context: CanvasRenderingContext2D, scene: Scene, whole: View): void {
  const { width, height, palette, data } = scene;
  context.fillStyle = palette.raised;
  context.fillRect(0, 0, width, height);
  for (const side of [0, 1]) {
    const bins = stripOf(scene, whole).sides[side];
    const fill = columnFiller(context, side ? height / 2 + 1 : 3, height / 2 - 4);
    for (let pixel = 0; pixel < bins.rank.length; pixel++) {
      if (!bins.count[pixel]) continue;
      const rank = bins.rank[pixel];
      fill.add(pixel, rankColour(palette, rank, side ? "lens" : "body"), rank > ROUTINE ? 1 : 0.55);
    }
    fill.flush();
  }
  const place = (at: number) => ((at - whole.t0) / (whole.t1 - whole.t0)) * width;
  for (const one of scene.badges.get("findings") ?? []) {
    if (one.kind === "note") continue;
    context.fillStyle = palette.wrong;
    context.fillRect(place(one.t), height - 3, 2, 3);
  }
  for (const at of scene.markers) {
    context.fillStyle = palette.marker;
    context.fillRect(place(at), 0, 1, height);
  }
  if (scene.selected !== null) {
    const at = data.at.data[scene.selected];
    context.fillStyle = palette.select;
    context.fillRect(place(at) - 1, 0, 3, height);
  }
  const left = Math.max(0, place(scene.view.t0));
  const right = Math.min(width, place(scene.view.t1));
  context.fillStyle = palette.back;
  context.globalAlpha = 0.55;
  context.fillRect(0, 0, left, height);
  context.fillRect(right, 0, width - right, height);
  context.globalAlpha = 1;
  context.strokeStyle = palette.marker;
  context.lineWidth = 1.5;
  context.strokeRect(left + 0.5, 1, Math.max(3, right - left - 1), height - 2);
}
