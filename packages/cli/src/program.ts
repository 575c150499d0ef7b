// The door `troupe`: the command line as a value, for tests and for programs that have one of their own.

import { addCall } from "./commands/call.js";
import { addDirectory } from "./commands/directory.js";
import { addEcho } from "./commands/echo.js";
import { addFind } from "./commands/find.js";
import { addParticipant } from "./commands/participant.js";
import { addPub } from "./commands/pub.js";
import { addRegister } from "./commands/register.js";
import { addServices } from "./commands/services.js";
import { addTopics } from "./commands/topics.js";
import { rootCommand, run, type Command } from "./command-line.js";
import type { ExitCode } from "./failure.js";
import type { Terminal } from "./terminal.js";

export { ExitCode } from "./failure.js";
export { type Terminal } from "./terminal.js";

const AFTER = `
Exit codes:
  0  done
  1  the other side refused or failed
  2  the command line makes no sense
  3  no connection could be made, or nothing listened on

Example:
  $ troupe directory --listen tcp://127.0.0.1:7070
`;

/** The command `troupe` with all that it can do. It throws what `runProgram` turns into a number. */
export function makeProgram(terminal: Terminal): Command {
  const program = rootCommand("troupe", terminal)
    .description("Run a directory, see what programs provide, call them, and listen to topics.")
    .addHelpText("after", AFTER);
  addDirectory(program, terminal);
  addServices(program, terminal);
  addCall(program, terminal);
  addRegister(program, terminal);
  addFind(program, terminal);
  addParticipant(program, terminal);
  addTopics(program, terminal);
  addEcho(program, terminal);
  addPub(program, terminal);
  return program;
}

/** Runs a command line such as `["services", "tcp://127.0.0.1:7070"]`; resolves with the number to end with. Never rejects. */
export function runProgram(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  return run(makeProgram(terminal), args, terminal);
}
