// The map in a browser. It holds a link: when the map's program goes and comes back, the page goes on.

import { link, webSocket } from "@troupe/core";
import { RobotMap, type Sighting } from "./contract.js";
import { FLOOR, SHELVES } from "./floor.js";

const COLORS = ["#ffb454", "#59c2ff", "#aad94c", "#f07178", "#d2a6ff", "#95e6cb", "#ffd580"];
const TRAIL_MAX = 70;

type Place = Pick<Sighting, "x" | "y">;

const element = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const canvas = element("floor") as HTMLCanvasElement;
const paint = canvas.getContext("2d") as CanvasRenderingContext2D;
const trails = new Map<string, Place[]>();
const colors = new Map<string, string>();

const up = link(`${location.origin.replace("http", "ws")}/map`, { transports: [webSocket()] });
up.on("up", () => void watch());
for (const state of ["up", "down", "retrying"] as const) up.on(state, () => showLine());

function showLine(): void {
  element("line").dataset["state"] = up.state;
  element("line").textContent = up.state === "up" ? "live" : "reconnecting …";
}

async function watch(): Promise<void> {
  try {
    for await (const sightings of up.address(RobotMap).stream("watch", undefined)) show(sightings);
  } catch {
    // The link says so too, and comes back.
  }
}

function show(sightings: readonly Sighting[]): void {
  for (const robot of [...trails.keys()]) if (!sightings.some((each) => each.robot === robot)) trails.delete(robot);
  paint.setTransform(canvas.width / FLOOR.width, 0, 0, canvas.height / FLOOR.height, 0, 0);
  showFloor();
  for (const sighting of sightings) showTrail(sighting);
  for (const sighting of sightings) showRobot(sighting);
  element("robots").replaceChildren(...sightings.map(rowOf));
  element("rate").textContent = `${sightings.reduce((sum, { perSecond }) => sum + perSecond, 0)}`;
  // For tests: how many are shown.
  canvas.dataset["robots"] = `${sightings.length}`;
}

function showFloor(): void {
  paint.fillStyle = "#1e2832";
  paint.fillRect(0, 0, FLOOR.width, FLOOR.height);
  paint.fillStyle = "#2a3743";
  for (let x = 0.5; x < FLOOR.width; x++) for (let y = 0.5; y < FLOOR.height; y++) paint.fillRect(x, y, 0.05, 0.05);
  for (const { x, y, width, height } of SHELVES) {
    paint.fillStyle = "#33424f";
    paint.fillRect(x, y, width, height);
    paint.fillStyle = "#405261";
    for (let at = 0.12; at < width - 0.2; at += 0.82) {
      paint.fillRect(x + at, y + 0.12, 0.66, 0.8);
      paint.fillRect(x + at, y + height - 0.92, 0.66, 0.8);
    }
  }
}

function showTrail({ robot, x, y }: Sighting): void {
  const trail = trails.get(robot) ?? [];
  trails.set(robot, trail);
  trail.push({ x, y });
  if (trail.length > TRAIL_MAX) trail.shift();
  paint.strokeStyle = colorOf(robot);
  paint.lineWidth = 0.12;
  paint.lineCap = "round";
  for (let i = 1; i < trail.length; i++) {
    const [from, to] = trail.slice(i - 1, i + 1) as [Place, Place];
    paint.globalAlpha = (0.7 * i) / trail.length;
    paint.beginPath();
    paint.moveTo(from.x, from.y);
    paint.lineTo(to.x, to.y);
    paint.stroke();
  }
  paint.globalAlpha = 1;
}

function showRobot({ robot, x, y, heading, isSuspected }: Sighting): void {
  paint.save();
  paint.globalAlpha = isSuspected ? 0.4 : 1;
  paint.translate(x, y);
  paint.fillStyle = "#dfe7ee";
  paint.font = "600 0.42px system-ui, sans-serif";
  paint.textAlign = "center";
  paint.fillText(robot, 0, -0.62);
  paint.rotate(heading);
  paint.fillStyle = colorOf(robot);
  paint.beginPath();
  paint.arc(0, 0, 0.42, 0, 2 * Math.PI);
  paint.fill();
  paint.fillStyle = "#131a21";
  paint.beginPath();
  paint.moveTo(0.3, 0);
  paint.lineTo(-0.16, 0.2);
  paint.lineTo(-0.16, -0.2);
  paint.fill();
  paint.restore();
}

function rowOf({ robot, x, y, perSecond, missed, participant, isSuspected }: Sighting): HTMLElement {
  const row = document.createElement("tr");
  row.className = isSuspected ? "suspected" : "";
  for (const text of [robot, x.toFixed(2), y.toFixed(2), `${perSecond}`, `${missed}`, participant]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    row.append(cell);
  }
  (row.firstElementChild as HTMLElement).style.color = colorOf(robot);
  return row;
}

function colorOf(robot: string): string {
  const color = colors.get(robot) ?? COLORS[colors.size % COLORS.length] ?? "#ffffff";
  colors.set(robot, color);
  return color;
}
