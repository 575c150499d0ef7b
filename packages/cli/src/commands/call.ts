// `troupe call`: one message to a service, without its contract. What kind of message it is, and which version of the
// contract, is taken from what the other side has announced.

import { call, defineService, send, stream, type Peer, type PeerError, type Service } from "@troupe/core";
import { Announcements } from "../announcements.js";
import { Option, wholeNumber, type Command } from "../command-line.js";
import { dialled } from "../dial.js";
import { UsageError } from "../failure.js";
import { line, type Terminal } from "../terminal.js";
import { textOf, valueOf } from "../value-text.js";

interface CallFlags {
  readonly timeout?: number;
  readonly send?: true;
  readonly stream?: true;
}

interface Request {
  readonly service: string;
  readonly message: string;
  readonly input: unknown;
  readonly version: number;
  readonly options: { readonly signal: AbortSignal; readonly timeoutMs?: number };
}

const AFTER = `
Big integers are printed as "12n", bytes as {"$bytes": BASE64}; bytes may be given the same way.

Examples:
  $ troupe call tcp://127.0.0.1:7000 calculator add '{"a":1,"b":2}'
  $ troupe call tcp://127.0.0.1:7070 troupe.directory watch '"UUID"' --stream
`;

export function addCall(program: Command, terminal: Terminal): void {
  program
    .command("call")
    .description("Send a service one message and print its answer as JSON; of a stream, one line per output.")
    .argument("<url>", "where to connect")
    .argument("<service>", "the name of the service")
    .argument("<message>", "the name of the message")
    .argument("[input]", "its input as JSON; none unless given")
    .option("--timeout <ms>", "how long the answer, or the whole stream, may take", wholeNumber(1, 2_147_483_647))
    .addOption(new Option("--send", "it is a message without an answer").conflicts("stream"))
    .option("--stream", "it is a message with any number of outputs")
    .option("--json", "print errors as JSON; answers are JSON anyway")
    .addHelpText("after", AFTER)
    .action((url: string, service: string, message: string, input: string | undefined, flags: CallFlags) =>
      runCall(url, { service, message, input: parsed(input) }, flags, terminal),
    );
}

async function runCall(
  url: string,
  given: Pick<Request, "service" | "message" | "input">,
  { timeout, ...flags }: CallFlags,
  terminal: Terminal,
): Promise<void> {
  const { signal } = terminal;
  const announcements = new Announcements();
  await dialled(url, { signal, wireFormat: announcements.format }, async (peer) => {
    const { version = 0, messages = [] } = announcements.of(given.service) ?? {};
    const announced = messages.find(({ name }) => name === given.message)?.kind;
    const options = { signal, ...(timeout !== undefined && { timeoutMs: timeout }) };
    const request: Request = { ...given, version, options };
    const kind = flags.send ? "send" : flags.stream ? "stream" : announced;
    if (kind === "send") await tell(peer, request);
    else if (kind === "stream") await printStream(peer, request, terminal);
    else await printAnswer(peer, request, terminal);
  });
}

async function printAnswer(peer: Peer, request: Request, terminal: Terminal): Promise<void> {
  const { message, input, options } = request;
  const address = peer.address(contractOf(request, call<unknown, unknown>()));
  await terminal.out(line(textOf(await address.call(message, input, options))));
}

async function printStream(peer: Peer, request: Request, terminal: Terminal): Promise<void> {
  const { message, input, options } = request;
  const address = peer.address(contractOf(request, stream<unknown, unknown>()));
  for await (const output of address.stream(message, input, options)) await terminal.out(line(textOf(output)));
}

/** A send has no answer, but a refusal is told: it is known when the connection has ended in order. */
async function tell(peer: Peer, request: Request): Promise<void> {
  const { message, input, options } = request;
  let refusal: PeerError | undefined;
  peer.on("refused", ({ direction, error }) => {
    if (direction === "outgoing") refusal ??= error;
  });
  await peer.address(contractOf(request, send<unknown>())).send(message, input, { signal: options.signal });
  await peer.close();
  if (refusal !== undefined) throw refusal;
}

function contractOf<M extends Service["messages"][string]>(
  { service, message, version }: Request,
  kind: M,
): Service<Record<string, M>> {
  return defineService(service, { [message]: kind }, { version });
}

function parsed(input: string | undefined): unknown {
  if (input === undefined) return undefined;
  try {
    return valueOf(input);
  } catch (error) {
    throw new UsageError(`the input is no JSON: ${(error as Error).message}`);
  }
}
