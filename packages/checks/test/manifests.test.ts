import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { manifests, readManifest } from "../src/manifest.js";
import { isInRepository, ROOT } from "../src/repository.js";

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
    const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
      packages: Record<string, { resolved?: string; link?: boolean }>;
    };
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined && !entry.link);
    expect(resolved).toEqual([]);
  });
});
