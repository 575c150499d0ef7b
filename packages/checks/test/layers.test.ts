import { describe, expect, it } from "vitest";
import { importsOf, isRelative, packageNameOf } from "../src/imports.js";
import { layerViolations, THIRD_PARTY } from "../src/layers.js";
import { doors, manifests } from "../src/manifest.js";
import { isCode, isInRepository, isShipped, repositoryFiles } from "../src/repository.js";
import { expectNone } from "../src/violation.js";

const files = repositoryFiles();
const doorNames = new Set(doors().map(({ specifier }) => specifier));

describe("layers", () => {
  it("imports only point left, through the doors of layers and packages", () => {
    const code = files.filter((file) => isCode(file) && /^(?:packages|examples)\//.test(file.path));
    expect(code.length).toBeGreaterThan(10);
    expectNone(layerViolations(code, doorNames));
  });

  it("every third-party dependency is in the table, and imported where the table says", () => {
    for (const { folder, dependencies = {}, private: isPrivate } of manifests()) {
      if (isPrivate) continue;
      const imported = files
        .filter((file) => isShipped(file) && file.path.startsWith(`packages/${folder}/`))
        .flatMap(importsOf)
        .filter(({ specifier }) => !isRelative(specifier))
        .map(({ specifier }) => packageNameOf(specifier));
      expect(imported, `dependencies of packages/${folder}`).toEqual(expect.arrayContaining(Object.keys(dependencies)));
    }
  });

  it("the table of third-party packages names files that exist", () => {
    expect(
      Object.values(THIRD_PARTY)
        .flat()
        .filter((path) => !isInRepository(path)),
    ).toEqual([]);
  });

  it.each([
    ["packages/core/src/wire/a.ts", "../actor/index.js", '"wire" must not know "actor"'],
    ["packages/core/src/base/a.ts", "../peer/index.js", '"base" must not know "peer"'],
    ["packages/core/src/peer/a.ts", "../wire/cbor.js", 'enter "wire" through its index.ts'],
    ["packages/core/src/peer/a.test.ts", "../wire/cbor.js", 'enter "wire" through its index.ts'],
    ["packages/core/src/peer/a.ts", "../index.js", "does not import the door"],
    ["packages/core/src/peer/a.ts", "../nowhere/index.js", '"nowhere" is not in the table'],
    ["packages/core/src/peer/a.ts", "./b", "ends in .js"],
    ["packages/core/src/peer/a.ts", "../../../node/src/index.js", "another package"],
    ["packages/core/src/wire/b.ts", "cbor-x", "alone"],
    ["packages/core/src/wire/b.ts", "left-pad", "not in the table"],
    ["packages/core/src/wire/b.ts", "@troupe/node", '"core" must not know "node"'],
    ["packages/node/src/b.ts", "@troupe/core/src/index.js", "not a door"],
    ["packages/node/src/b.ts", "fs", "write node:fs"],
  ])("%s must not import %s", (path, specifier, message) => {
    const found = layerViolations([{ path, text: `\nimport { x } from "${specifier}";` }], doorNames);
    expect(found).toEqual([{ path, line: 2, message: expect.stringContaining(message) as string }]);
  });

  it.each([
    ["packages/core/src/peer/a.ts", "../wire/index.js"],
    ["packages/core/src/peer/a.test.ts", "../testing/index.js"],
    ["packages/core/src/index.ts", "./peer/index.js"],
    ["packages/node/src/b.ts", "@troupe/core"],
    ["packages/node/test/b.test.ts", "../src/tcp.js"],
    ["examples/demo/main.ts", "@troupe/node"],
  ])("%s may import %s", (path, specifier) => {
    expectNone(layerViolations([{ path, text: `import { x } from "${specifier}";` }], doorNames));
  });
});
