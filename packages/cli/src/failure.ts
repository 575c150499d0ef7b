// What a command says when it fails, and the number that it ends with: scripts tell by it what went wrong.

import { isTroupeError, TransportError } from "@troupe/core";
import { line } from "./terminal.js";

/** The numbers that `troupe` ends with. */
export const ExitCode = {
  done: 0,
  /** The other side refused or failed. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** There is no connection, or nothing can be listened on. */
  unconnected: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A command line that makes no sense, found when it was read or later. */
export class UsageError extends Error {}

/** What a transport says of an endpoint that was mistyped, before it has tried anything. */
const MISTYPED: readonly string[] = ["endpoint-invalid", "scheme-unknown", "option-invalid"];

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exitCode: ExitCode;
}

export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return { code: "usage", message, exitCode: ExitCode.usage };
  if (!isTroupeError(error)) return { code: "internal", message, exitCode: ExitCode.failed };
  const { code } = error;
  if (!(error instanceof TransportError)) return { code, message, exitCode: ExitCode.failed };
  return { code, message, exitCode: MISTYPED.includes(code) ? ExitCode.usage : ExitCode.unconnected };
}

export function failureText({ code, message }: Failure, isJson: boolean): string {
  return line(isJson ? JSON.stringify({ error: { code, message } }) : `troupe: ${code}: ${message}`);
}
