// What a door of a package lets out: names, kinds, and where each is declared and described.

import ts from "typescript";
import { placeOf, sourceFileOf } from "./program.js";
import { type Violation } from "./violation.js";

export interface PublicName {
  readonly name: string;
  /** `class`, `function`, `interface`, `type`, `const`, `enum`, `namespace`, or several of them. */
  readonly kind: string;
  /** The text of its JSDoc comment, without tags; empty when there is none. */
  readonly description: string;
  readonly path: string;
  readonly line: number;
}

const KINDS: readonly (readonly [ts.SymbolFlags, string])[] = [
  [ts.SymbolFlags.Class, "class"],
  [ts.SymbolFlags.Function, "function"],
  [ts.SymbolFlags.Variable, "const"],
  [ts.SymbolFlags.Enum, "enum"],
  [ts.SymbolFlags.NamespaceModule, "namespace"],
  [ts.SymbolFlags.Interface, "interface"],
  [ts.SymbolFlags.TypeAlias, "type"],
];

/** Every name that a module exports, sorted. */
export function publicNames(program: ts.Program, path: string): PublicName[] {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(sourceFileOf(program, path));
  if (module === undefined) return [];
  return checker
    .getExportsOfModule(module)
    .map((exported) => publicName(checker, exported))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function publicName(checker: ts.TypeChecker, exported: ts.Symbol): PublicName {
  const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
  const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported;
  const declaration = symbol.declarations?.[0] ?? exported.declarations?.[0];
  if (declaration === undefined) throw new Error(`${exported.name} is declared nowhere`);
  return {
    name: exported.name,
    kind: kindOf(symbol),
    description: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    ...placeOf(declaration),
  };
}

function kindOf({ flags }: ts.Symbol): string {
  const kinds = KINDS.filter(([flag]) => (flags & flag) !== 0).map(([, kind]) => kind);
  // A class is a type as well: that goes without saying.
  return kinds.join(", ") || "unknown";
}

/** Names that are not described by at least one sentence. What another package declares is described there. */
export function undescribed(names: readonly PublicName[]): Violation[] {
  return names
    .filter(({ path, description }) => path.startsWith("packages/") && !/\w[^]*[.!?:]/.test(description))
    .map(({ name, path, line }) => ({ path, line, message: `"${name}" is public, and has no sentence of JSDoc` }));
}

/** Doors that let out more than an explicit list: `export *` makes public what nobody decided on. */
export function starViolations(program: ts.Program, path: string): Violation[] {
  return sourceFileOf(program, path)
    .statements.filter((statement) => ts.isExportDeclaration(statement) && statement.exportClause === undefined)
    .map((statement) => ({ ...placeOf(statement), message: "a door lists what it exports, by name" }));
}
