// For the vitest that the conformance suite brings: its own command looks for tests outside of node_modules, where it is not.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const suite = dirname(fileURLToPath(import.meta.resolve("@durable-streams/server-conformance-tests")));

export default {
  root: suite,
  test: {
    include: [join(suite, "test-runner.js")],
    exclude: [],
    testTimeout: 20_000,
    reporters: ["json"],
    watch: false,
  },
};
