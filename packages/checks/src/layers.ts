// Who may import whom: layers within core, packages among each other, and third-party packages in one file each.
// The tables below are the rule; ARCHITECTURE.md and CONTRIBUTING.md tell it in words.

import { builtinModules } from "node:module";
import { type Import, importsOf, isRelative, packageNameOf, targetOf } from "./imports.js";
import { isShipped, isTest, packageOf, type RepositoryFile } from "./repository.js";
import { type Violation } from "./violation.js";

/** The folders of core's source, left to right. Those of one row know nothing of each other. */
export const CORE_LAYERS: readonly (readonly string[])[] = [
  ["base"],
  ["actor", "wire", "transport"],
  ["peer"],
  ["link", "thespis"],
  ["mesh"],
  ["discovery"],
  ["directory"],
  ["network"],
  ["pubsub"],
  ["opentelemetry"],
  ["testing"],
];

/** Which packages of this repository the source of each may import. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  core: [],
  node: ["core"],
  cli: ["core", "node"],
  nats: ["core", "node"],
  wan: ["core", "node"],
  bench: ["core", "node", "testbed"],
  testbed: [],
  checks: [],
};

/** The files that may import a third-party package: what is known about it is known there. */
export const THIRD_PARTY: Readonly<Record<string, readonly string[]>> = {
  "@noble/curves": ["packages/core/src/discovery/ed25519.ts"],
  "@noble/hashes": ["packages/core/src/discovery/ed25519.ts"],
  "@opentelemetry/api": ["packages/core/src/opentelemetry/open-telemetry.ts"],
  cborg: ["packages/core/src/thespis/rust-cbor.ts"],
  "cbor-x": ["packages/core/src/wire/cbor.ts"],
  commander: ["packages/cli/src/command-line.ts"],
  lmdb: ["packages/node/src/lmdb-store.ts"],
  "p-queue": ["packages/core/src/actor/scheduler.ts"],
  "udx-native": ["packages/node/src/udp.ts"],
  ws: ["packages/node/src/web-socket.ts"],
};

/** Every import that goes against the three tables. `doors` are the names that may be imported of our own packages. */
export function layerViolations(files: readonly RepositoryFile[], doors: ReadonlySet<string>): Violation[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((found) => {
      const message = isRelative(found.specifier) ? brokenRelative(file, found) : brokenPackage(file, found, doors);
      return message === undefined ? [] : [{ path: file.path, line: found.line, message }];
    }),
  );
}

function brokenRelative(file: RepositoryFile, { specifier }: Import): string | undefined {
  const target = targetOf(file.path, specifier);
  if (!/\.(?:js|json)$/.test(specifier)) return `a relative import ends in .js: ${specifier}`;
  if (packageOf(target) !== packageOf(file.path)) return `reaches into another package: ${specifier}`;
  const isSource = /^packages\/[^/]+\/src\//.test(file.path);
  if (isSource && !target.startsWith(`packages/${packageOf(file.path)}/src/`)) return `leaves its source: ${specifier}`;
  if (isSource && packageOf(file.path) === "core") return brokenLayer(file, target, specifier);
  return undefined;
}

function brokenLayer(file: RepositoryFile, target: string, specifier: string): string | undefined {
  const from = layerOf(file.path);
  const to = layerOf(target);
  if (from === to) return undefined;
  if (to === undefined) return `a layer does not import the door of the package: ${specifier}`;
  for (const layer of [from, to]) {
    if (layer !== undefined && rankOf(layer) === -1) return `"${layer}" is not in the table of layers`;
  }
  if (!target.endsWith(`/src/${to}/index.ts`)) return `enter "${to}" through its index.ts, not ${specifier}`;
  if (from === undefined || isTest(file) || rankOf(to) < rankOf(from)) return undefined;
  return `"${from}" must not know "${to}": imports only point left`;
}

function brokenPackage(file: RepositoryFile, { specifier }: Import, doors: ReadonlySet<string>): string | undefined {
  const name = packageNameOf(specifier);
  if (name.startsWith("@troupe/")) return brokenSibling(file, specifier, name.slice("@troupe/".length), doors);
  if (specifier.startsWith("node:")) return undefined;
  if (builtinModules.includes(specifier)) return `write node:${specifier}`;
  if (!isShipped(file)) return undefined;
  const allowed = THIRD_PARTY[name];
  if (allowed === undefined) return `"${name}" is not in the table of third-party packages`;
  if (!allowed.includes(file.path)) return `"${name}" is imported by ${allowed.join(", ")} alone`;
  return undefined;
}

function brokenSibling(file: RepositoryFile, specifier: string, sibling: string, doors: ReadonlySet<string>) {
  const own = packageOf(file.path);
  if (!doors.has(specifier)) return `"${specifier}" is not a door of @troupe/${sibling}`;
  if (own === undefined || isTest(file)) return undefined;
  if (own === sibling) return `a package does not import itself by name: ${specifier}`;
  if (PACKAGES[own]?.includes(sibling)) return undefined;
  return `package "${own}" must not know "${sibling}"`;
}

/** Undefined for a file right in `src`: the door of the package. */
function layerOf(path: string): string | undefined {
  return /^packages\/core\/src\/([^/]+)\//.exec(path)?.[1];
}

function rankOf(layer: string): number {
  return CORE_LAYERS.findIndex((row) => row.includes(layer));
}
