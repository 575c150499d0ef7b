import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("fixtures/tcp-out-of-files.ts", import.meta.url));
const FEW_FILES = 'ulimit -n 160 && exec "$0" --conditions=troupe-source --import tsx "$1"';

test.skipIf(process.platform === "win32")(
  "a tcp() listener that runs out of files refuses, keeps its connections, and accepts again when it has some",
  async () => {
    const { stdout } = await promisify(execFile)("sh", ["-c", FEW_FILES, process.execPath, SCRIPT], {
      timeout: 25_000,
    });
    expect(JSON.parse(stdout)).toEqual({
      dialCode: "connect-failed",
      refusedEcho: -1,
      earlyEcho: 7,
      lateEcho: 7,
    });
  },
);
