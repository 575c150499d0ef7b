import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["troupe-source"] },
  ssr: { resolve: { conditions: ["troupe-source", "node", "import", "default"], externalConditions: ["troupe-source"] } },
  test: {
    include: ["packages/*/{src,test}/**/*.test.ts", "examples/**/*.test.ts"],
    typecheck: { enabled: false },
  },
});
