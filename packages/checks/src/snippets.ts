// Compiles the TypeScript of the pages. The blocks of a page follow one another in one module, as they are read; a
// block that begins with `// file: name.ts` begins a module of that name, which the others import as "./name.js".
// A block marked `ts ignore` is a fragment, and is not looked at.

import { join } from "node:path";
import ts from "typescript";
import { type CodeBlock, codeBlocks } from "./markdown.js";
import { compilerOptions } from "./program.js";
import { type RepositoryFile, ROOT } from "./repository.js";
import { type Violation } from "./violation.js";

const LANGUAGES = new Set(["ts", "typescript", "mts"]);
const FILE = /^\s*\/\/ file: (\S+)/;

/** A module made of a page's blocks, and the place on the page where each of its lines is from. */
interface Module {
  readonly page: string;
  readonly fileName: string;
  readonly lines: string[];
  readonly pageLines: number[];
}

export function isTypeScript({ info }: CodeBlock): boolean {
  return LANGUAGES.has(info[0] ?? "");
}

export function isIgnored({ info }: CodeBlock): boolean {
  return info.includes("ignore");
}

/** What the compiler has against the pages, at the lines of the pages. */
export function snippetViolations(pages: readonly RepositoryFile[]): Violation[] {
  const modules = new Map(pages.flatMap(modulesOf).map((module) => [module.fileName, module]));
  const program = programWith(modules);
  return [...modules.values()].flatMap((module) => {
    const file = program.getSourceFile(module.fileName);
    if (file === undefined) throw new Error(`${module.fileName} was not compiled`);
    return ts
      .getPreEmitDiagnostics(program, file)
      .filter((diagnostic) => !isRepeatedImport(file, diagnostic))
      .map((diagnostic) => violationAt(module, file, diagnostic));
  });
}

function modulesOf({ path, text }: RepositoryFile): Module[] {
  // Not on disk: inside a package, so that its modules are found as those of an example would be.
  const folder = join(ROOT, "packages/checks/snippets", path.replaceAll(/[^\w-]/g, "_")).replaceAll("\\", "/");
  const modules = new Map<string, Module>();
  let name = "page.ts";
  for (const block of codeBlocks(text).filter((one) => isTypeScript(one) && !isIgnored(one))) {
    name = FILE.exec(block.text)?.[1] ?? name;
    const module = modules.get(name) ?? { page: path, fileName: `${folder}/${name}`, lines: [], pageLines: [] };
    modules.set(name, module);
    for (const [at, line] of block.text.split("\n").entries()) {
      module.lines.push(line);
      module.pageLines.push(block.line + at);
    }
  }
  return [...modules.values()];
}

function programWith(modules: ReadonlyMap<string, Module>): ts.Program {
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
    if (text === undefined) return getSourceFile(fileName, version, ...rest);
    return ts.createSourceFile(fileName, text, version, true);
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

function violationAt({ page, pageLines }: Module, file: ts.SourceFile, diagnostic: ts.Diagnostic): Violation {
  const { line } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0);
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n      ");
  return { path: page, line: pageLines[line] ?? 1, message: `TS${diagnostic.code} ${message}` };
}
