import { describe, expect, it } from "vitest";
import { repositoryFiles } from "../src/repository.js";
import {
  leftOutViolations,
  lengthViolations,
  machineTraceViolations,
  nameViolations,
  SOURCE_LINES_MAX,
  unfinishedViolations,
} from "../src/text-rules.js";
import { expectNone } from "../src/violation.js";

const files = repositoryFiles();
const file = (path: string, text: string) => [{ path, text }];

describe("names and text", () => {
  it("file names are kebab-case nouns of the domain", () => expectNone(nameViolations(files)));
  it(`no source file is longer than ${SOURCE_LINES_MAX} lines`, () => expectNone(lengthViolations(files)));
  it("no source is left for later", () => expectNone(unfinishedViolations(files)));
  it("no test is left out", () => expectNone(leftOutViolations(files)));
  it("nothing names a folder of one machine, or a registry", () => expectNone(machineTraceViolations(files)));

  it.each(["src/peerManager.ts", "src/peer-utils.ts", "src/types.ts", "src/helpers/x.ts", "src/Peer.ts"])(
    "finds the bad name %s",
    (path) => expect(nameViolations(file(path, ""))).toHaveLength(1),
  );

  it.each(["src/mailbox.ts", "src/mailbox.test.ts", "src/address.test-d.ts", "vitest.config.ts"])(
    "has nothing against the name %s",
    (path) => expectNone(nameViolations(file(path, ""))),
  );

  it("finds a file that is too long", () => {
    expect(lengthViolations(file("a.ts", "\n".repeat(SOURCE_LINES_MAX)))).toHaveLength(1);
    expectNone(lengthViolations(file("a.ts", "\n".repeat(SOURCE_LINES_MAX - 1))));
  });

  it.each(["// TO" + "DO", "// FIX" + "ME later", "// good enough for " + "now."])(
    "finds what is left for later: %s",
    (text) => {
      expect(unfinishedViolations(file("a.ts", `\n${text}`))).toEqual([expect.objectContaining({ line: 2 })]);
    },
  );

  it.each(["it.on" + "ly(", "describe.sk" + "ip(", "test.concurrent.on" + "ly(", "it.to" + "do("])(
    "finds %s",
    (text) => {
      expect(leftOutViolations(file("a.test.ts", text))).toHaveLength(1);
    },
  );

  it.each(["/ho" + "me/ada/x", '"/tm' + 'p/x.sock"', "https://registry.exam" + "ple.org/x"])("finds %s", (text) => {
    expect(machineTraceViolations(file("a.md", text))).toHaveLength(1);
  });

  it.each(["./work/x", "packages/work/x", "https://example.org/home/x", "the registry. It"])(
    "has nothing against %s",
    (text) => {
      expectNone(machineTraceViolations(file("a.md", text)));
    },
  );
});
