// One output file per module. The measured processes run plain JavaScript: a loader that rewrites functions while it
// compiles them would be measured too.

import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/**/*.ts"],
  format: "esm",
  target: "node20",
  bundle: false,
  clean: true,
  silent: true,
});
