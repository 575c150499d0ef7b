// One output file per module, so that whoever bundles a program leaves out what it does not use.

import { defineConfig, type Options } from "tsup";

const options: Options = {
  entry: ["src/**/*.ts", "!src/**/*.test.ts", "!src/**/*.test-d.ts"],
  format: "esm",
  target: "node20",
  platform: "node",
  bundle: false,
  sourcemap: true,
  clean: true,
  silent: true,
};

export default defineConfig(options) as Options;
