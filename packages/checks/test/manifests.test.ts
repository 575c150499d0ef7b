import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { manifests, readManifest } from "../src/manifest.js";
import { isInRepository, ROOT } from "../src/repository.js";

interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
  packages: Record<string, LockedPackage>;
};
const locked = Object.entries(lock.packages);
const paths = new Set(Object.keys(lock.packages));

describe("package manifests", () => {
  it("all packages share one version, and ask for each other in that version", () => {
    const { version } = readManifest("package.json");
    for (const { name, version: own, dependencies = {} } of manifests()) {
      expect(own, name).toBe(version);
      const siblings = Object.entries(dependencies).filter(([dependency]) => dependency.startsWith("@troupe/"));
      for (const [sibling, range] of siblings) expect(range, `${sibling} in ${name}`).toBe(version);
    }
  });

  it.each(manifests().filter((manifest) => !manifest.private))("$name is ready to be published", (manifest) => {
    expect(manifest.license).toBe("MIT");
    expect(manifest.sideEffects).toBe(false);
    for (const file of ["README.md", "LICENSE"]) {
      expect(isInRepository(`packages/${manifest.folder}/${file}`), `${file} of ${manifest.name}`).toBe(true);
    }
  });

  it("the lock file leaves it to each machine where packages come from", () => {
    expect(locked.filter(([, { resolved, link }]) => resolved !== undefined && !link)).toEqual([]);
  });

  it("the lock file has every dependency for every platform, or npm ci would refuse it", () => {
    const missing = locked.flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isLocked(path, name))
        .map((name) => `${name} for ${path || "the root"}`),
    );
    expect(missing).toEqual([]);
  });
});

/** Whether Node would find `name` from the package at `path`: beside it, or further up. */
function isLocked(path: string, name: string): boolean {
  const at = path === "" ? `node_modules/${name}` : `${path}/node_modules/${name}`;
  if (paths.has(at)) return true;
  if (path === "") return false;
  const parent = path.lastIndexOf("/node_modules/");
  return isLocked(parent === -1 ? "" : path.slice(0, parent), name);
}
