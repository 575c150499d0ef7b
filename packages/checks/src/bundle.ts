// A browser's bundle of some import, made from source by esbuild, and what is in it.

import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { ROOT } from "./repository.js";

export interface Bundle {
  readonly text: string;
  readonly minifiedBytes: number;
  readonly gzippedBytes: number;
  /** The modules that it was made from, relative to the root. */
  readonly inputs: readonly string[];
}

/** Bundles what `code` imports as a browser's bundler would. Rejects when something in it is not for browsers. */
export async function bundleOf(
  code: string,
  { isOwnOnly = false, globalName }: { isOwnOnly?: boolean; globalName?: string } = {},
): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: `${ROOT}packages/checks`, sourcefile: "entry.js", loader: "ts" },
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    platform: "browser",
    target: "es2022",
    conditions: ["troupe-source", "module"],
    format: globalName === undefined ? "esm" : "iife",
    ...(globalName === undefined ? {} : { globalName }),
    ...(isOwnOnly ? { plugins: [dependenciesLeftOut] } : {}),
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const text = outputFiles[0]?.text ?? "";
  return {
    text,
    minifiedBytes: Buffer.byteLength(text),
    gzippedBytes: gzipSync(text, { level: 9 }).byteLength,
    inputs: Object.keys(metafile.inputs),
  };
}

/** Leaves imports of third-party packages in place, so that what remains is Troupe's own code. */
const dependenciesLeftOut = {
  name: "dependencies-left-out",
  setup(plan: Parameters<NonNullable<Parameters<typeof build>[0]["plugins"]>[number]["setup"]>[0]): void {
    plan.onResolve({ filter: /^[^./]/ }, ({ path }) => (path.startsWith("@troupe/") ? null : { path, external: true }));
  },
};
