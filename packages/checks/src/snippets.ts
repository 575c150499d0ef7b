// The TypeScript of the pages. The blocks of a page follow one another in one module, as they are read; a block that
// begins with `// file: name.ts` begins a module of that name, which the others import as "./name.js". A block marked
// `ts ignore` is a fragment, and is not looked at.

import { type CodeBlock, codeBlocks } from "./markdown.js";
import { type RepositoryFile } from "./repository.js";
import { type Violation } from "./violation.js";
import { compileViolations, type VirtualModule, virtualPath } from "./virtual-module.js";

const LANGUAGES = new Set(["ts", "typescript", "mts"]);
const FILE = /^\s*\/\/ file: (\S+)/;

export function isTypeScript({ info }: CodeBlock): boolean {
  return LANGUAGES.has(info[0] ?? "");
}

export function isIgnored({ info }: CodeBlock): boolean {
  return info.includes("ignore");
}

/** What the compiler has against the pages, at the lines of the pages. */
export function snippetViolations(pages: readonly RepositoryFile[]): Violation[] {
  return compileViolations(pages.flatMap(modulesOf));
}

function modulesOf({ path, text }: RepositoryFile): VirtualModule[] {
  const modules = new Map<string, VirtualModule>();
  let name = "page.ts";
  for (const block of codeBlocks(text).filter((one) => isTypeScript(one) && !isIgnored(one))) {
    name = FILE.exec(block.text)?.[1] ?? name;
    const fileName = virtualPath(path, name);
    const module = modules.get(name) ?? { fileName, source: path, lines: [], sourceLines: [] };
    modules.set(name, module);
    for (const [at, line] of block.text.split("\n").entries()) {
      module.lines.push(line);
      module.sourceLines.push(block.line + at);
    }
  }
  return [...modules.values()];
}
