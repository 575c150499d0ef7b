// The package.json of every workspace package.

import { isInRepository, ROOT } from "./repository.js";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Manifest {
  /** The folder in `packages`. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly private?: boolean;
  readonly sideEffects?: boolean;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** A name that others can import, and the source behind it. */
export interface Door {
  readonly specifier: string;
  readonly source: string;
  /** Only packages of this repository go through it. */
  readonly isPrivate: boolean;
}

export function manifests(): Manifest[] {
  return readdirSync(join(ROOT, "packages"))
    .filter((folder) => isInRepository(`packages/${folder}/package.json`))
    .map((folder) => ({ folder, ...readManifest(`packages/${folder}/package.json`) }));
}

/** Every door of every package; `source` is relative to the root. */
export function doors(): Door[] {
  return manifests().flatMap(({ folder, name, exports = {}, private: isPrivate = false }) =>
    Object.entries(exports).flatMap(([door, targets]) => {
      const source = typeof targets === "string" ? undefined : targets["troupe-source"];
      if (source === undefined) return [];
      return [{ specifier: name + door.slice(1), source: `packages/${folder}/${source.slice(2)}`, isPrivate }];
    }),
  );
}

/** The doors of packages that are published. */
export function publicDoors(): Door[] {
  return doors().filter(({ isPrivate }) => !isPrivate);
}

export function readManifest(path: string): Omit<Manifest, "folder"> {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8")) as Omit<Manifest, "folder">;
}
