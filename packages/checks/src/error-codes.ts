// The codes of the errors that source creates, and the table of them in the reference.

import ts from "typescript";
import { placeOf, relativePath } from "./program.js";
import { type RepositoryFile } from "./repository.js";
import { lineAt, type Violation } from "./violation.js";

/** One place in source that gives an error its code. */
export interface GivenCode {
  readonly code: string;
  readonly path: string;
  readonly line: number;
}

/**
 * Every code in these files: each literal, or union of literals, that is given to a parameter called `code` of a
 * function or constructor of this repository, or to a property called `code`.
 */
export function givenCodes(program: ts.Program, paths: ReadonlySet<string>): GivenCode[] {
  const checker = program.getTypeChecker();
  const files = program.getSourceFiles().filter(({ fileName }) => paths.has(relativePath(fileName)));
  return files.flatMap((file) => {
    const given: GivenCode[] = [];
    const visit = (node: ts.Node): void => {
      const expression = codeExpression(checker, paths, node);
      const codes = expression === undefined ? [] : literalsOf(checker.getTypeAtLocation(expression));
      given.push(...codes.map((code) => ({ code, ...placeOf(node) })));
      ts.forEachChild(node, visit);
    };
    visit(file);
    return given;
  });
}

/** What this node gives as a code: an argument or the value of a property. */
function codeExpression(checker: ts.TypeChecker, paths: ReadonlySet<string>, node: ts.Node): ts.Expression | undefined {
  if (ts.isPropertyAssignment(node)) return node.name.getText() === "code" ? node.initializer : undefined;
  if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return undefined;
  const declaration = checker.getResolvedSignature(node)?.declaration;
  if (declaration === undefined || !paths.has(relativePath(declaration.getSourceFile().fileName))) return undefined;
  const at = declaration.parameters.findIndex(({ name }) => name.getText() === "code");
  return node.arguments?.[at];
}

function literalsOf(type: ts.Type): string[] {
  const parts = type.isUnion() ? type.types : [type];
  return parts.flatMap((part) => (part.isStringLiteral() ? [part.value] : []));
}

/** A row of the table in the reference: its first cell names the code. */
export interface ListedCode {
  readonly code: string;
  readonly line: number;
}

/** The codes that a page lists: the first cell of a table's row, in backticks. */
export function listedCodes({ text }: RepositoryFile): ListedCode[] {
  return [...text.matchAll(/^\|\s*`([a-z0-9-]+)`\s*\|/gm)].map(({ index, 1: code = "" }) => ({
    code,
    line: lineAt(text, index),
  }));
}

/** Codes that are given and not listed, or listed and in no source, or listed twice. */
export function codeViolations(
  given: readonly GivenCode[],
  page: RepositoryFile,
  source: readonly RepositoryFile[],
): Violation[] {
  const listed = listedCodes(page);
  const known = new Set(listed.map(({ code }) => code));
  const unlisted = given
    .filter(({ code }) => !known.has(code))
    .map(({ code, path, line }) => ({ path, line, message: `the code "${code}" is not in ${page.path}` }));
  const unknown = listed
    .filter(({ code }) => !source.some(({ text }) => text.includes(`"${code}"`)))
    .map(({ code, line }) => ({ path: page.path, line, message: `no source has the code "${code}"` }));
  const repeated = listed
    .filter(({ code }, at) => listed.findIndex((other) => other.code === code) !== at)
    .map(({ code, line }) => ({ path: page.path, line, message: `"${code}" is listed twice` }));
  return [...unlisted, ...unknown, ...repeated];
}
