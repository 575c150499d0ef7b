// Four projects in one run: units beside the source, integration over real sockets and processes, types, and the
// repository's own rules. Workspace packages resolve to their TypeScript source, so no build comes first.

import { defineConfig } from "vitest/config";

// Not "module": what packages have under it is for bundlers, which follow imports that Node does not.
const conditions = ["troupe-source", "node", "import", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: "forks",
    isolate: true,
    maxWorkers: 2,
    testTimeout: 10_000,
    hookTimeout: 10_000,
    teardownTimeout: 5_000,
    unstubGlobals: true,
    restoreMocks: true,
    projects: [
      { extends: true, test: { name: "unit", include: ["packages/{core,node,cli}/src/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["packages/{core,node,cli,bench}/test/**/*.test.ts", "examples/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ["packages/*/{src,test}/**/*.test-d.ts"],
            tsconfig: "./tsconfig.types.json",
            ignoreSourceErrors: true,
          },
        },
      },
      {
        extends: true,
        test: { name: "checks", include: ["packages/checks/test/**/*.test.ts"], testTimeout: 120_000 },
      },
    ],
  },
});
