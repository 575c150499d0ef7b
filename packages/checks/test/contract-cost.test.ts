// What a large contract costs whoever edits it: 200 messages, their handlers and a call of each are checked by the compiler
// here, and counted in instantiations of types, which are the same on every machine; 500,000 of them are well below 2 s.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const INSTANTIATIONS_MAX = 500_000;
const MESSAGES = 200;

/** A program with a contract of every kind of message, by types alone and with zod. */
function source(): string {
  const messages: string[] = [];
  const handlers: string[] = [];
  const uses: string[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    const schema = `z.object({ a: z.number(), b: z.array(z.string()), c: z.object({ d: z.boolean().optional() }) })`;
    switch (i % 5) {
      case 0:
        messages.push(`m${i}: call<{ a: number; b: string[] }, { n: number }, never, { lost: { id: string } }>()`);
        handlers.push(
          `m${i}: ({ a, b }, { fail }) => { if (a < 0) throw fail("lost", { id: b[0] ?? "" }); return { n: a }; }`,
        );
        uses.push(`(await service.call("m${i}", { a: 1, b: [] })).n.toFixed();`);
        break;
      case 1:
        messages.push(`m${i}: call({ input: ${schema}, output: ${schema} })`);
        handlers.push(`m${i}: (input) => input`);
        uses.push(`(await service.call("m${i}", { a: 1, b: ["x"], c: {} })).a.toFixed();`);
        break;
      case 2:
        messages.push(`m${i}: stream({ input: ${schema}, output: z.string() })`);
        handlers.push(`async *m${i}({ b }) { yield* b; }`);
        uses.push(`for await (const text of service.stream("m${i}", { a: 1, b: [], c: {} })) text.trim();`);
        break;
      case 3:
        messages.push(`m${i}: stream<{ to: number }, number, number>()`);
        handlers.push(`async *m${i}(_, { inputs }) { for await (const n of inputs) yield n; }`);
        uses.push(`for await (const n of service.stream("m${i}", { to: 1 }, { inputs: [1] })) n.toFixed();`);
        break;
      default:
        messages.push(`m${i}: send<{ line: string }>()`);
        handlers.push(`m${i}: ({ line }) => void line.trim()`);
        uses.push(`await service.send("m${i}", { line: "x" });`);
    }
  }
  return [
    'import { call, defineService, send, ServiceMap, stream, type Address } from "@troupe/core";',
    'import { z } from "zod";',
    `const Large = defineService("large", {\n${messages.join(",\n")}\n});`,
    `export const services = new ServiceMap().add(Large, {\n${handlers.join(",\n")}\n});`,
    `export async function use(service: Address<typeof Large>): Promise<void> {\n${uses.join("\n")}\n}`,
  ].join("\n");
}

it(`a contract of ${MESSAGES} messages is checked with at most ${INSTANTIATIONS_MAX} instantiations`, () => {
  const path = join(root, "packages/core/src/large-contract.ts");
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, "tsconfig.json"),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: () => {},
    },
  );
  const options: ts.CompilerOptions = { ...config?.options, noEmit: true, skipLibCheck: true };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  const text = source();
  host.fileExists = (name) => name === path || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest);
  const program = ts.createProgram([path], options, host);
  const file = program.getSourceFile(path);
  // What is checked is the contract and its use, once the libraries that it stands on are known.
  const startedAt = performance.now();
  const found = program
    .getSemanticDiagnostics(file)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  const ms = Math.round(performance.now() - startedAt);
  const instantiations = (program as unknown as { getInstantiationCount(): number }).getInstantiationCount();
  console.log(`${MESSAGES} messages: ${instantiations} instantiations, ${ms} ms`);
  expect(found).toEqual([]);
  expect(instantiations).toBeLessThanOrEqual(INSTANTIATIONS_MAX);
});
