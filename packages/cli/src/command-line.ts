// What commands are built with. The only file that knows commander.

import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { ExitCode, failureOf, failureText, UsageError } from "./failure.js";
import type { Terminal } from "./terminal.js";

export { Command, Option };

/** The command that all others are added to; it writes to the terminal, and throws where commander would end the process. */
export function rootCommand(name: string, terminal: Terminal): Command {
  return new Command(name).exitOverride().configureOutput({
    writeOut: (text) => void terminal.out(text),
    writeErr: (text) => void terminal.err(text),
    // `run` says it, in the form that was asked for.
    outputError: () => {},
  });
}

/** Reads an option that is a whole number. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** Collects an option that may be given several times. */
export function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Parses and runs a command line, without the names of node and the script; resolves with the number to end with. */
export async function run(program: Command, args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await program.parseAsync([...args], { from: "user" });
    return ExitCode.done;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and the version were asked for; help that was not asked for stands for a missing command.
      if (error.exitCode === 0) return ExitCode.done;
      if (error.code === "commander.help") return ExitCode.usage;
    }
    const failure = failureOf(error instanceof CommanderError ? new UsageError(sentenceOf(error)) : error);
    // What could not be parsed has no options to look at.
    await terminal.err(failureText(failure, args.includes("--json")));
    return failure.exitCode;
  }
}

function sentenceOf({ message }: CommanderError): string {
  return message.replace(/^error: /, "");
}
