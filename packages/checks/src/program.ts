// TypeScript's view of some files of this repository, with the same settings that everything else is checked with.

import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "./repository.js";

/** The compiler options that hold for all packages, for reading types only. */
export function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.base.json"), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent({ ...(config as object), files: [] }, ts.sys, ROOT);
  return {
    ...options,
    types: ["node"],
    noEmit: true,
    declaration: false,
    isolatedDeclarations: false,
    sourceMap: false,
  };
}

/** A program of the files at these paths, relative to the root, and of all that they import. */
export function programOf(paths: readonly string[]): ts.Program {
  return ts.createProgram({ rootNames: paths.map((path) => join(ROOT, path)), options: compilerOptions() });
}

/** The source file at a path relative to the root. */
export function sourceFileOf(program: ts.Program, path: string): ts.SourceFile {
  const file = program.getSourceFile(join(ROOT, path));
  if (file === undefined) throw new Error(`${path} is not there`);
  return file;
}

/** Where a node is, as `path` relative to the root and `line` from 1. */
export function placeOf(node: ts.Node): { path: string; line: number } {
  const file = node.getSourceFile();
  const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
  return { path: relativePath(file.fileName), line };
}

export function relativePath(fileName: string): string {
  const root = ROOT.replaceAll("\\", "/");
  return fileName.startsWith(root) ? fileName.slice(root.length) : fileName;
}
