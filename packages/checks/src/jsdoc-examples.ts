// The `@example`s of JSDoc comments. Each is a module of its own, to which two things are added so that it can stay
// short: imports of the public names that it uses and does not declare, and the stand-ins below.

import ts from "typescript";
import { packageNameOf } from "./imports.js";
import { packageOf, type RepositoryFile } from "./repository.js";
import { lineAt, type Violation } from "./violation.js";
import { compileViolations, type VirtualModule, virtualPath } from "./virtual-module.js";

/** What an example may use without saying where it is from. */
const STAND_INS = `
import type { Address, CallMessage, Schema, Service, ServiceMap } from "@troupe/core";
import { test as vitestTest } from "vitest";
type Sum = { a: number; b: number };
declare global {
  const test: typeof vitestTest;
  const z: { number(): Schema<number>; string(): Schema<string>; object<T extends object>(shape: T): Schema<T> };
  const services: ServiceMap;
  const Calculator: Service<{ add: CallMessage<Sum, Sum, number> }>;
  const Slow: Service<{ work: CallMessage<void, void, void> }>;
  const address: Address<Service<{ add: CallMessage<number, number, number>; work: CallMessage<void, void, void> }>>;
}
`;

const COMMENT = /\/\*\*[^]*?\*\//g;
const EXAMPLE = /@example[^\n]*\n([^]*?)(?=\n[ \t]*\*[ \t]*@|\s*\*\/)/g;

/** The doors that let out each public name. */
export type PublicDoors = ReadonlyMap<string, readonly string[]>;

/** What the compiler has against the examples, at their lines. */
export function exampleViolations(files: readonly RepositoryFile[], doors: PublicDoors): Violation[] {
  const examples = files.flatMap((file) => modulesOf(file, doors));
  const lines = STAND_INS.split("\n");
  const standIns = { fileName: virtualPath("examples", "stand-ins.ts"), source: "stand-ins", lines, sourceLines: [] };
  return compileViolations([standIns, ...examples]);
}

function modulesOf({ path, text }: RepositoryFile, doors: PublicDoors): VirtualModule[] {
  return [...text.matchAll(COMMENT)].flatMap((comment) =>
    [...comment[0].matchAll(EXAMPLE)].map((example) => {
      const first = lineAt(text, comment.index + example.index) + 1;
      const code = (example[1] ?? "").split("\n").map((line) => line.replace(/^[ \t]*\* ?/, ""));
      const imports = importsFor(path, code.join("\n"), doors);
      const lines = [...imports, ...code];
      const sourceLines = [...imports.map(() => first), ...code.map((_, at) => first + at)];
      return { fileName: virtualPath(path, `line-${first}.ts`), source: path, lines, sourceLines };
    }),
  );
}

/** A name that several doors have is taken from the package that the example is in. */
function importsFor(path: string, code: string, doors: PublicDoors): string[] {
  const { used, declared } = namesIn(code);
  return [...used].flatMap((name) => {
    const having = declared.has(name) ? [] : (doors.get(name) ?? []);
    const door = having.find((one) => packageNameOf(one) === `@troupe/${packageOf(path)}`) ?? having[0];
    return door === undefined ? [] : [`import { ${name} } from "${door}";`];
  });
}

function namesIn(code: string): { used: Set<string>; declared: Set<string> } {
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) used.add(node.text);
    const isDeclaring = ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isBindingElement(node);
    const isOther = ts.isClassDeclaration(node) || ts.isImportSpecifier(node) || ts.isParameter(node);
    if ((isDeclaring || isOther) && node.name !== undefined && ts.isIdentifier(node.name)) declared.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("example.ts", code, ts.ScriptTarget.Latest, true));
  return { used, declared };
}
