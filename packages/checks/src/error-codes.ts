// The codes of the errors that source creates, and the table of them in the reference.

import ts from "typescript";
import { placeOf, relativePath } from "./program.js";
import { type RepositoryFile } from "./repository.js";
import { lineAt, type Violation } from "./violation.js";

/** One `new SomeError(code, …)` in source, or one `super(code, …)` in the constructor of such a class. */
export interface ThrownCode {
  readonly className: string;
  /** Undefined where the code comes from elsewhere: the other side of a connection, or a parameter. */
  readonly code: string | undefined;
  readonly path: string;
  readonly line: number;
}

export const ROOT_CLASS = "TroupeError";

/** Every place in these files that makes an error of Troupe. */
export function thrownCodes(program: ts.Program, paths: ReadonlySet<string>): ThrownCode[] {
  const checker = program.getTypeChecker();
  const files = program.getSourceFiles().filter(({ fileName }) => paths.has(relativePath(fileName)));
  return files.flatMap((file) => {
    const thrown: ThrownCode[] = [];
    const visit = (node: ts.Node): void => {
      const className = errorClassOf(checker, node);
      if (className !== undefined) {
        const codes = codesOf(checker, (node as ts.NewExpression | ts.CallExpression).arguments?.[0]);
        thrown.push(...codes.map((code) => ({ className, code, ...placeOf(node) })));
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
    return thrown;
  });
}

/** The name of the class whose error this node makes; undefined for every other node. */
function errorClassOf(checker: ts.TypeChecker, node: ts.Node): string | undefined {
  if (ts.isNewExpression(node)) {
    const type = checker.getTypeAtLocation(node);
    return isTroupeError(checker, type) ? type.symbol.name : undefined;
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.SuperKeyword) return undefined;
  const owner = ts.findAncestor(node, ts.isClassLike);
  if (owner === undefined || owner.name?.text === ROOT_CLASS) return undefined;
  const type = checker.getTypeAtLocation(owner);
  return isTroupeError(checker, type) ? owner.name?.text : undefined;
}

function isTroupeError(checker: ts.TypeChecker, type: ts.Type): boolean {
  if (type.symbol?.name === ROOT_CLASS) return true;
  const bases = type.isClassOrInterface() ? checker.getBaseTypes(type) : [];
  return bases.some((base) => isTroupeError(checker, base));
}

function codesOf(checker: ts.TypeChecker, argument: ts.Expression | undefined): (string | undefined)[] {
  if (argument === undefined) return [undefined];
  const type = checker.getTypeAtLocation(argument);
  const parts = type.isUnion() ? type.types : [type];
  return parts.map((part) => (part.isStringLiteral() ? part.value : undefined));
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

/** Codes that are thrown and not listed, or listed and in no source, or listed twice. */
export function codeViolations(
  thrown: readonly ThrownCode[],
  page: RepositoryFile,
  source: readonly RepositoryFile[],
): Violation[] {
  const listed = listedCodes(page);
  const known = new Set(listed.map(({ code }) => code));
  const unlisted = thrown
    .filter(({ code }) => code !== undefined && !known.has(code))
    .map(({ className, code, path, line }) => ({
      path,
      line,
      message: `${className} "${code}" is not in ${page.path}`,
    }));
  const unknown = listed
    .filter(({ code }) => !source.some(({ text }) => text.includes(`"${code}"`)))
    .map(({ code, line }) => ({ path: page.path, line, message: `no source has the code "${code}"` }));
  const repeated = listed
    .filter(({ code }, at) => listed.findIndex((other) => other.code === code) !== at)
    .map(({ code, line }) => ({ path: page.path, line, message: `"${code}" is listed twice` }));
  return [...unlisted, ...unknown, ...repeated];
}
