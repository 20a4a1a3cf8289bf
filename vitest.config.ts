import { defineConfig } from "vitest/config";

// `import "holdfast"` means src/. Vite replaces its default conditions by these, hence the two that follow. Its third one,
// "module", Node does not know: in the AWS SDK it leads to files that only a bundler can read.
const conditions = ["holdfast-source", "node", "development|production"];
const jsonReport = process.env["HOLDFAST_TEST_REPORT"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/**/*.test.ts", "template/test/**/*.test.ts"],
    // Type tests count as tests: with TypeScript 7's own tsc, a type error anywhere in tsconfig.json fails the run.
    typecheck: { enabled: true, checker: "tsc", include: ["test/types/**/*.test-d.ts"], tsconfig: "tsconfig.json" },
    pool: "forks",
    // For what a test hands to Node itself: import.meta.resolve, native import, workers.
    execArgv: ["--conditions=holdfast-source"],
    allowOnly: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The default reporter closes with the number of cases; .ci/run reads it from the JSON.
    reporters: jsonReport ? ["default", ["json", { outputFile: jsonReport }]] : ["default"],
  },
});
