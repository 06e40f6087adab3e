import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: [
      "packages/**/*.test.ts",
      "sim/**/*.test.ts",
      "scripts/**/*.test.ts",
      "bench/**/*.test.ts",
      "e2e/**/*.test.ts",
      "conformance/**/*.test.ts",
      "chaos/**/*.test.ts",
    ],
    // By itself vitest leaves a core free, which on two cores is half of the machine.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    execArgv: ["--conditions=source"],
    // `eventsource-parser` has sources under the condition that our own packages use, and Node strips no types there.
    server: { deps: { inline: [/node_modules\/(ai|ai-6|@ai-sdk|eventsource-parser)\//] } },
  },
});
