// The process around the program: its streams, its signals and its exit code.

import { runProgram } from "./program.js";

const stop = new AbortController();
// The first signal ends the command in order; the second one the process, at once, as if nobody had listened.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
// Whoever read the results has seen enough, as in `troupe … | head -1`.
process.stdout.on("error", () => stop.abort());

process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => written(process.stdout, text),
  err: (text) => written(process.stderr, text),
  signal: stop.signal,
});

/** Resolves when the text was taken: a slow reader slows the command instead of filling memory. */
function written(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => stream.write(text, () => resolve()));
}
