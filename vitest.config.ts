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
    testTimeout: 20_000,
    hookTimeout: 20_000,
    execArgv: ["--conditions=source"],
  },
});
