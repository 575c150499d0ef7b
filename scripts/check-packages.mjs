// Packs every package that is published, as npm would, and looks at the result: publint and attw on each tarball, and
// all of them together as a program meets them, with their declarations and without the source condition.
// Needs `npm run build` first.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = mkdtempSync(join(tmpdir(), "troupe-packages-"));
const failures = [];

try {
  const packages = publishedPackages();
  for (const one of packages) {
    one.tarball = pack(one);
    check(`publint ${one.name}`, "publint", "run", one.tarball, "--strict");
    check(`attw ${one.name}`, "attw", one.tarball, "--profile", "esm-only", "--format", "ascii");
  }
  checkAsConsumer(packages);
} finally {
  rmSync(work, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

function publishedPackages() {
  return readdirSync(join(root, "packages"))
    .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8")) }))
    .filter((manifest) => !manifest.private);
}

function pack({ name, folder }) {
  const { status, stdout, stderr } = spawnSync(
    "npm",
    ["pack", "--json", "--ignore-scripts", "--pack-destination", work],
    { cwd: join(root, "packages", folder), encoding: "utf8", shell: process.platform === "win32" },
  );
  if (status !== 0) throw new Error(`npm pack failed for ${name}: ${stderr}`);
  const reported = JSON.parse(stdout);
  const packed = Array.isArray(reported) ? reported[0] : Object.values(reported)[0];
  return join(work, packed.filename);
}

/** Lays the tarballs out as an install would, then compiles and runs a module that imports every door of each. */
function checkAsConsumer(packages) {
  const scope = join(work, "consumer", "node_modules");
  for (const { name, tarball } of packages) {
    const target = join(scope, name);
    mkdirSync(target, { recursive: true });
    check(`unpack ${name}`, "tar", "-xzf", tarball, "--strip-components=1", "-C", target);
  }
  link(scope, packages, ["@types/node", ...packages.flatMap(({ dependencies = {} }) => Object.keys(dependencies))]);
  const doors = packages.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((door) => !door.endsWith(".json"))
      .map((door) => name + door.slice(1)),
  );
  const text = doors.map((door, at) => `import * as door${at} from "${door}";`).join("\n");
  const use = doors
    .map((_, at) => `if (Object.keys(door${at}).length === 0) throw new Error("empty door");`)
    .join("\n");
  writeFileSync(join(work, "consumer", "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(work, "consumer", "main.mts"), `${text}\n${use}\n`);
  writeFileSync(join(work, "consumer", "main.mjs"), `${text}\n${use}\n`);
  const consumer = join(work, "consumer");
  const settings = ["--module", "nodenext", "--target", "es2022", "--strict", "--noEmit", "--types", "node"];
  // The main doors need nothing that is optional.
  writeFileSync(join(consumer, "least.mjs"), packages.map(({ name }) => `import "${name}";`).join("\n"));
  check("import without what is optional", process.execPath, join(consumer, "least.mjs"));
  link(
    scope,
    packages,
    packages.flatMap(({ peerDependencies = {} }) => Object.keys(peerDependencies)),
  );
  // Without --skipLibCheck: a consumer may check declarations too, and those of Troupe have to hold then.
  check("types as a consumer sees them", "tsc", ...settings, join(consumer, "main.mts"));
  check("import as a consumer does", process.execPath, join(consumer, "main.mjs"));
}

function link(scope, packages, names) {
  const own = new Set(packages.map(({ name }) => name));
  for (const name of new Set(names)) {
    if (own.has(name)) continue;
    mkdirSync(dirname(join(scope, name)), { recursive: true });
    // A version that is not everybody's is installed below its own package.
    const below = packages
      .map(({ folder }) => join(root, "packages", folder, "node_modules", name))
      .find((path) => existsSync(path));
    symlinkSync(below ?? join(root, "node_modules", name), join(scope, name), "junction");
  }
}

function check(name, command, ...args) {
  console.log(`· ${name}`);
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH}` },
  });
  if (status === 0) return;
  failures.push(name);
  console.error(`${stdout ?? ""}${stderr ?? ""}`);
}
