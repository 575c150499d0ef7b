// Compiles modules that are in no file: text taken from somewhere else, and told of where each line is from.

import { join } from "node:path";
import ts from "typescript";
import { compilerOptions } from "./program.js";
import { ROOT } from "./repository.js";
import { type Violation } from "./violation.js";

/** A module, and the file and lines that its text is from. */
export interface VirtualModule {
  /** Where it would be; see `virtualPath`. */
  readonly fileName: string;
  readonly source: string;
  readonly lines: string[];
  readonly sourceLines: number[];
}

/** What is on disk is read once for all programs: reading the libraries takes longer than checking the modules. */
const onDisk = new Map<string, ts.SourceFile | undefined>();

/** A place inside a package, so that imports are found as they would be in a package or an example. */
export function virtualPath(folder: string, name: string): string {
  return join(ROOT, "packages/checks/virtual", folder.replaceAll(/[^\w-]/g, "_"), name).replaceAll("\\", "/");
}

/** What the compiler has against the modules, at the lines that they are from. */
export function compileViolations(list: readonly VirtualModule[]): Violation[] {
  const modules = new Map(list.map((module) => [module.fileName, module]));
  const program = programWith(modules);
  return list.flatMap((module) => {
    const file = program.getSourceFile(module.fileName);
    if (file === undefined) throw new Error(`${module.fileName} was not compiled`);
    return ts
      .getPreEmitDiagnostics(program, file)
      .filter((diagnostic) => !isRepeatedImport(file, diagnostic))
      .map((diagnostic) => violationAt(module, file, diagnostic));
  });
}

function programWith(modules: ReadonlyMap<string, VirtualModule>): ts.Program {
  const options: ts.CompilerOptions = {
    ...compilerOptions(),
    moduleDetection: ts.ModuleDetectionKind.Force,
    noUnusedLocals: false,
    noUnusedParameters: false,
  };
  const host = ts.createCompilerHost(options, true);
  const textOf = (fileName: string) => modules.get(fileName)?.lines.join("\n");
  const { fileExists, readFile, getSourceFile, directoryExists } = host;
  host.fileExists = (fileName) => modules.has(fileName) || fileExists(fileName);
  host.readFile = (fileName) => textOf(fileName) ?? readFile(fileName);
  host.directoryExists = (folder) =>
    [...modules.keys()].some((fileName) => fileName.startsWith(`${folder}/`)) || (directoryExists?.(folder) ?? true);
  host.getSourceFile = (fileName, version, ...rest) => {
    const text = textOf(fileName);
    if (text !== undefined) return ts.createSourceFile(fileName, text, version, true);
    if (!onDisk.has(fileName)) onDisk.set(fileName, getSourceFile(fileName, version, ...rest));
    return onDisk.get(fileName);
  };
  return ts.createProgram({ rootNames: [...modules.keys()], options, host });
}

/** Two blocks of a page may both show where a name is from. */
function isRepeatedImport(file: ts.SourceFile, { code, start = 0 }: ts.Diagnostic): boolean {
  const isDuplicate = code === 2300;
  return (
    isDuplicate && file.statements.some((one) => ts.isImportDeclaration(one) && one.pos <= start && start < one.end)
  );
}

function violationAt(
  { source, sourceLines }: VirtualModule,
  file: ts.SourceFile,
  diagnostic: ts.Diagnostic,
): Violation {
  const { line } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n      ");
  return { path: source, line: sourceLines[line] ?? 1, message: `TS${diagnostic.code} ${message}` };
}
