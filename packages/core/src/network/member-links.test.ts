import { expect, test } from "vitest";
import { SeededRandom, VirtualClock } from "../testing/index.js";
import { MemberLinks } from "./member-links.js";

test("nothing is kept of members whom nobody remembers", async () => {
  const clock = new VirtualClock();
  const links = new MemberLinks({
    clock,
    random: new SeededRandom(1),
    ownId: () => "own",
    member: () => undefined,
    dial: () => Promise.reject(new Error("nobody")),
    connected: () => {},
    disconnected: () => {},
    unreachable: () => {},
  });
  for (let n = 0; n < 1000; n++) {
    links.say(`member ${n}`, {} as never);
    await clock.flush();
  }
  expect(links.size).toBeLessThanOrEqual(2);
  links.close();
});
