// The files of this repository as text. Knows where the root is and what is not part of the repository.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One text file; `path` is relative to the root and has forward slashes. */
export interface RepositoryFile {
  readonly path: string;
  readonly text: string;
}

export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

const OUTSIDE = new Set([".git", ".installing", "node_modules", "dist", "coverage"]);

/** Every text file of the repository, in the order of their paths. */
export function repositoryFiles(): RepositoryFile[] {
  return pathsUnder("")
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }))
    .filter(({ text }) => !text.includes("\0"));
}

function pathsUnder(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  return entries
    .filter((entry) => !OUTSIDE.has(entry.name))
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      // A newcomer's own programs: the README says to put them there.
      if (path === "examples/mine") return [];
      return entry.isDirectory() ? pathsUnder(path) : entry.isFile() ? [path] : [];
    })
    .sort();
}

/** Whether the path, relative to the root, is there. */
export function isInRepository(path: string): boolean {
  return existsSync(join(ROOT, path));
}

/** TypeScript that is shipped: the source of a package that is no test and no private tool. */
export function isShipped({ path }: RepositoryFile): boolean {
  return /^packages\/(?!checks\/|bench\/|testbed\/)[^/]+\/src\/.*\.ts$/.test(path) && !isTest({ path });
}

export function isTest({ path }: Pick<RepositoryFile, "path">): boolean {
  return /\.(?:test|test-d)\.ts$/.test(path) || /^packages\/[^/]+\/test\//.test(path);
}

export function isCode({ path }: RepositoryFile): boolean {
  return /\.(?:ts|mts|js|mjs)$/.test(path);
}

/** `core` for `packages/core/src/index.ts`; undefined outside of packages. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}
