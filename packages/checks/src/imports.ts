// What a source file imports, in any form: import, export from, import(), import type.

import { posix } from "node:path";
import ts from "typescript";
import { type RepositoryFile } from "./repository.js";
import { lineAt } from "./violation.js";

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

export function importsOf({ text }: RepositoryFile): Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => ({
    specifier: fileName,
    line: lineAt(text, pos),
  }));
}

/** The path, relative to the root, of what a relative specifier means: its source, not the `.js` that it names. */
export function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts");
}

/**
 * `@scope/name` of `@scope/name/door`, or `name` of `name/door`. An alias in a package's own `imports`, such as `#name`, is
 * called what it stands for.
 */
export function packageNameOf(imported: string): string {
  const specifier = imported.replace(/^#/, "");
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

export function isRelative(specifier: string): boolean {
  return specifier.startsWith(".");
}
