// How fast members know of each other, and how often they are wrong: simulated, so that one seed gives one result on any
// machine. `npm run bench:membership` prints a table and, with a path, draws the convergence.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { SimulatedMembers, type SimulatedMember } from "@troupe/core/testing";

const COUNTS = [10, 50, 200];
const SEED = 20_261_127;
const ROUNDS_SHOWN = 20;
const LOSS = 0.05;
const QUIET_MS = 600_000;

interface Figures {
  readonly members: number;
  /** The share of all pairs that know each other, after each gossip round from the first on. */
  readonly known: readonly number[];
  readonly convergedIn: number;
  readonly healedIn: number;
  readonly suspectedAfterMs: number;
  readonly deadEverywhereAfterMs: number;
  readonly falseSuspicions: number;
  readonly falseDeaths: number;
  readonly packetsPerSecond: number;
}

async function measured(members: number): Promise<Figures> {
  const known = await convergence(members);
  const lossy = await underLoss(members);
  return {
    members,
    known,
    convergedIn: known.indexOf(1),
    healedIn: await healing(members),
    ...(await detection(members)),
    ...lossy,
  };
}

function started(members: number, loss = 0): SimulatedMembers {
  const network = new SimulatedMembers({ seed: SEED + members, loss });
  const first = network.start();
  for (let i = 1; i < members; i++) network.meet(network.start(), first);
  return network;
}

async function convergence(members: number): Promise<number[]> {
  const network = started(members);
  const known: number[] = [];
  for (let round = 0; round <= ROUNDS_SHOWN; round++) {
    const pairs = network.members.reduce((sum, { membership }) => sum + membership.active.length, 0);
    known.push(pairs / (members * (members - 1)));
    await network.advance(network.timing.gossipIntervalMs);
  }
  network.close();
  return known;
}

async function healing(members: number): Promise<number> {
  const network = started(members);
  await network.rounds(50, () => network.isConverged);
  for (const member of network.members) member.side = member.index % 2;
  await network.advance(180_000);
  for (const member of network.members) member.side = 0;
  const rounds = await network.rounds(100, () => network.isConverged);
  network.close();
  return rounds;
}

async function detection(members: number): Promise<Pick<Figures, "suspectedAfterMs" | "deadEverywhereAfterMs">> {
  const network = started(members);
  await network.rounds(50, () => network.isConverged);
  const crashedAt = network.clock.now();
  const gone = network.members[members >> 1] as SimulatedMember;
  network.crash(gone);
  await network.advance(120_000);
  const when = (type: string): number[] =>
    network.members.flatMap(({ events }) =>
      events
        .filter((event) => event.type === type && "member" in event && event.member.id === gone.id)
        .map(({ at }) => at),
    );
  network.close();
  return {
    suspectedAfterMs: Math.min(...when("suspected")) - crashedAt,
    deadEverywhereAfterMs: Math.max(...when("failed")) - crashedAt,
  };
}

async function underLoss(
  members: number,
): Promise<Pick<Figures, "falseSuspicions" | "falseDeaths" | "packetsPerSecond">> {
  const network = started(members, LOSS);
  await network.rounds(50, () => network.isConverged);
  const before = network.packets;
  await network.advance(QUIET_MS);
  const packetsPerSecond = (network.packets - before) / members / (QUIET_MS / 1000);
  // Each counts once, however many hear of it.
  const falseSuspicions = new Set(
    network.members.flatMap(({ events }) =>
      events.flatMap((event) =>
        event.type === "suspected" ? [`${event.member.id} ${Math.round(event.at / 30_000)}`] : [],
      ),
    ),
  ).size;
  network.close();
  return { falseSuspicions, falseDeaths: network.falseDeaths, packetsPerSecond };
}

const ROWS: readonly (readonly [what: string, goal: string, of: (figures: Figures) => string])[] = [
  ["gossip rounds until all know all", "≤ 20", ({ convergedIn }) => `${convergedIn}`],
  ["rounds until one picture after a healed partition", "≤ 10", ({ healedIn }) => `${healedIn}`],
  ["seconds until a crash is suspected", "", ({ suspectedAfterMs }) => (suspectedAfterMs / 1000).toFixed(1)],
  [
    "seconds until all know that it is dead",
    "",
    ({ deadEverywhereAfterMs }) => (deadEverywhereAfterMs / 1000).toFixed(1),
  ],
  ["false suspicions in 10 minutes at 5 % loss", "", ({ falseSuspicions }) => `${falseSuspicions}`],
  ["false deaths in those", "0", ({ falseDeaths }) => `${falseDeaths}`],
  ["packets per member and second in those", "", ({ packetsPerSecond }) => packetsPerSecond.toFixed(1)],
];

function table(all: readonly Figures[]): string {
  const cells = [
    ["members", ...all.map(({ members }) => `${members}`), "goal"],
    ...ROWS.map(([what, goal, of]) => [what, ...all.map(of), goal]),
  ];
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    )
    .join("\n");
}

const WIDTH = 720;
const HEIGHT = 320;
const LEFT = 56;
const TOP = 40;
const BOTTOM = 48;
const COLOURS = ["#0969da", "#bf8700", "#1a7f37"];

function drawing(all: readonly Figures[]): string {
  const x = (round: number): number => LEFT + (round * (WIDTH - LEFT - 90)) / ROUNDS_SHOWN;
  const y = (share: number): number => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  const text = (at: number, height: number, content: string, anchor = "middle", colour = ""): string =>
    `<text x="${at}" y="${height}" text-anchor="${anchor}"${colour && ` style="fill:${colour}"`}>${content}</text>`;
  const lines = all.flatMap(({ members, known }, index) => {
    const points = known.map((share, round) => `${x(round).toFixed(1)},${y(share).toFixed(1)}`).join(" ");
    const colour = COLOURS[index % COLOURS.length] ?? "";
    return [
      `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      text(WIDTH - 84, TOP + 18 * (index + 1), `${members} members`, "start", colour),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    "<title>Share of pairs that know each other, by gossip round, from one bootstrap address</title>",
    '<style>text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a; } .axis { stroke: #8c959f; }</style>',
    text(LEFT, 22, "Share of pairs that know each other, from one bootstrap address", "start"),
    `<path class="axis" d="M${LEFT} ${TOP}V${y(0)}H${x(ROUNDS_SHOWN)}" fill="none"/>`,
    ...[0, 0.5, 1].map((share) => text(LEFT - 8, y(share) + 4, `${share * 100} %`, "end")),
    ...[0, 5, 10, 15, 20].map((round) => text(x(round), y(0) + 18, `${round}`)),
    text((LEFT + x(ROUNDS_SHOWN)) / 2, HEIGHT - 10, "gossip rounds of 200 ms"),
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

const all: Figures[] = [];
for (const count of COUNTS) all.push(await measured(count));
console.log(table(all));
const [, , path] = process.argv;
if (path !== undefined) {
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, drawing(all));
}
