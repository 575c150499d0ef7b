// docs/guide/limits.md says what the source does: every default, with its value, and none left out.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  ACTOR_GRACE_MS,
  CALL_TIMEOUT_MS,
  ISSUES_MAX,
  LANE_DEFAULTS,
  MAILBOX_DEFAULTS,
  NAME_BYTES_MAX,
  RESTART_DEFAULTS,
  SCHEDULER_QUEUED_MAX,
  SEMAPHORE_DEFAULTS,
  SERVICE_MESSAGES_MAX,
  SERVICE_NAMES_BYTES_MAX,
} from "../src/actor/index.js";
import { EVENTS_BUFFERED_MAX } from "../src/base/index.js";
import { BACKOFF_DEFAULTS, LINK_WAITING_MAX } from "../src/link/index.js";
import { FAILURE_BYTES_MAX, FAILURE_CODE_LENGTH_MAX, FAILURE_MESSAGE_LENGTH_MAX } from "../src/peer/failure.js";
import { GREETING_BYTES_MAX, HELLO_BYTES_MAX } from "../src/peer/hello.js";
import {
  HEARTBEATS_MISSED_MAX,
  LISTEN_DEFAULTS,
  PEER_LIMITS,
  PEER_NAME_LENGTH_MAX,
  PEER_TIMES,
} from "../src/peer/index.js";
import { FRAME_BYTES_MIN } from "../src/peer/limits.js";
import {
  THESPIS_CALL_BYTES_MAX,
  THESPIS_CALLS_MAX,
  THESPIS_PARKED_BYTES_MAX,
  THESPIS_PARKED_MAX,
} from "../src/thespis/index.js";
import { ENDPOINT_LENGTH_MAX, MEMORY_BUFFER_BYTES } from "../src/transport/index.js";

const page = readFileSync(new URL("../../../docs/guide/limits.md", import.meta.url), "utf8");

const { capacity, parkedMax } = LANE_DEFAULTS;

const SECTIONS: readonly (readonly [heading: string, values: object])[] = [
  ["Of a peer", PEER_LIMITS],
  ["Times of a peer", PEER_TIMES],
  ["Of a listener", LISTEN_DEFAULTS],
  ["Of a link", BACKOFF_DEFAULTS],
  ["Of an actor", { capacity, parkedMax, ...RESTART_DEFAULTS }],
  [
    "Single values",
    {
      CALL_TIMEOUT_MS,
      ACTOR_GRACE_MS,
      HEARTBEATS_MISSED_MAX,
      LINK_WAITING_MAX,
      SCHEDULER_QUEUED_MAX,
      SEMAPHORE_WAITING_MAX: SEMAPHORE_DEFAULTS.waitingMax,
      SEMAPHORE_LENT_MAX: SEMAPHORE_DEFAULTS.lentMax,
      EVENTS_BUFFERED_MAX,
      ISSUES_MAX,
      NAME_BYTES_MAX,
      SERVICE_MESSAGES_MAX,
      SERVICE_NAMES_BYTES_MAX,
      PEER_NAME_LENGTH_MAX,
      HELLO_BYTES_MAX,
      GREETING_BYTES_MAX,
      FRAME_BYTES_MIN,
      FAILURE_BYTES_MAX,
      FAILURE_CODE_LENGTH_MAX,
      FAILURE_MESSAGE_LENGTH_MAX,
      ENDPOINT_LENGTH_MAX,
      MEMORY_BUFFER_BYTES,
      THESPIS_CALLS_MAX,
      THESPIS_CALL_BYTES_MAX,
      THESPIS_PARKED_MAX,
      THESPIS_PARKED_BYTES_MAX,
      TURN_ITEMS_MAX: MAILBOX_DEFAULTS.turnItemsMax,
      TURN_MS: MAILBOX_DEFAULTS.turnMs,
      OUTGOING_RUN_MAX: MAILBOX_DEFAULTS.outgoingRunMax,
    },
  ],
];

describe("docs/guide/limits.md", () => {
  it.each(SECTIONS)("%s: has every default with its value", (heading, values) => {
    expect(rowsUnder(heading)).toEqual(values);
  });

  it("has no table that is not compared", () => {
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(({ 1: heading }) => heading);
    expect(headings).toEqual(SECTIONS.map(([heading]) => heading));
  });
});

/** The first two cells of each row: a name in backticks and a number. */
function rowsUnder(heading: string): Record<string, number> {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = [...section.matchAll(/^\|\s*`(\w+)`\s*\|\s*([\d,]+)\s*\|/gm)];
  return Object.fromEntries(rows.map(([, name = "", value = ""]) => [name, Number(value.replaceAll(",", ""))]));
}
