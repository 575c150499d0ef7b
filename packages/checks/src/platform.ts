// What core must not touch: what only Node has, and the clock, timers and randomness of the machine outside base.

import { builtinModules } from "node:module";
import ts from "typescript";
import { importsOf } from "./imports.js";
import { type RepositoryFile } from "./repository.js";
import { type Violation } from "./violation.js";

const NODE_ONLY = new Set(["Buffer", "process", "global", "require", "__dirname", "__filename", "NodeJS"]);

const MACHINE = new Set([
  "Date.now",
  "performance.now",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "AbortSignal.timeout",
  "Math.random",
  "crypto.getRandomValues",
  "crypto.randomUUID",
]);

/** Every use of something that only Node has. */
export function nodeViolations(files: readonly RepositoryFile[]): Violation[] {
  return files.flatMap((file) => [
    ...importsOf(file)
      .filter(({ specifier }) => specifier.startsWith("node:") || builtinModules.includes(specifier))
      .map(({ specifier, line }) => ({ path: file.path, line, message: `${specifier} is not everywhere` })),
    ...namesIn(file)
      .filter(({ name }) => NODE_ONLY.has(name))
      .map(({ name, line }) => ({ path: file.path, line, message: `${name} is not everywhere` })),
  ]);
}

/** Every use of the machine's own time or randomness. */
export function machineViolations(files: readonly RepositoryFile[]): Violation[] {
  return files.flatMap((file) =>
    namesIn(file)
      .filter(({ name }) => MACHINE.has(name) || name === "new Date")
      .map(({ name, line }) => ({ path: file.path, line, message: `${name}: take a Clock or a Random instead` })),
  );
}

/** The names that code refers to, `a.b` for a member of a name; comments, strings and declared members are not code. */
function namesIn({ path, text }: RepositoryFile): { name: string; line: number }[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const names: { name: string; line: number }[] = [];
  const visit = (node: ts.Node): void => {
    const name = nameOf(node);
    if (name !== undefined) {
      names.push({ name, line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

function nameOf(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node)) return isMemberName(node) ? undefined : node.text;
  if (ts.isNewExpression(node) && node.expression.getText() === "Date" && !node.arguments?.length) return "new Date";
  if (!ts.isPropertyAccessExpression(node)) return undefined;
  const owner = node.expression.getText().replace(/^globalThis\./, "");
  return owner === "globalThis" ? node.name.text : `${owner}.${node.name.text}`;
}

function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isBindingElement(parent) || ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) {
    return parent.propertyName === node;
  }
  const isMember =
    ts.isPropertyAssignment(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isAccessor(parent);
  return isMember && parent.name === node;
}
