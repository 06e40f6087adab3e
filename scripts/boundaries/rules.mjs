// The direction in which dependencies point. Each rule looks at one file (with its imports resolved) and returns what is
// wrong with it. ARCHITECTURE.md gives the reasons; `boundaries.test.ts` has a violating example for each rule.
import { isTestFile, layerOf, packageOf } from "./layers.mjs";

const TIME_AND_CHANCE = new Set([
  "Date.now",
  "Date()",
  "new Date()",
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "Math.random",
  "crypto",
]);

const DOM_GLOBALS = new Set([
  "window",
  "document",
  "navigator",
  "location",
  "localStorage",
  "sessionStorage",
  "WebSocket",
  "EventSource",
  "XMLHttpRequest",
  "fetch",
]);

const NODE_GLOBALS = new Set(["process", "Buffer", "require", "__dirname", "__filename", "global"]);

/** What `core` may lean on, besides itself and `@tachikoma/protocol`. The contracts are for their types only. */
const CORE_CONTRACTS = new Set(["store-contract", "handler-contract"]);

/** What of the gateway an adapter of a foreign protocol is made for. */
const ADAPTER_SEAM = new Set([
  "packages/server/src/gateway/http/route.ts",
  "packages/server/src/gateway/http/json-body.ts",
  "packages/server/src/gateway/entrance.ts",
  "packages/server/src/gateway/id-parameter.ts",
  "packages/server/src/gateway/websocket/socket-protocol.ts",
]);

export const RULES = [
  {
    id: "protocol-is-pure",
    text: "protocol imports nothing but zod in src/schema, and uses neither Node nor the DOM",
    check: (file) => {
      if (packageOf(file.path) !== "protocol") return [];
      const found = file.imports.filter(
        (entry) => entry.target !== undefined && packageOf(entry.target) !== "protocol",
      );
      if (isTestFile(file.path)) return found.map(importFault);
      const mayUseZod = layerOf(file.path) === "protocol-schema";
      const outside = file.imports.filter(
        (entry) => isOutside(entry) && !(mayUseZod && entry.specifier === "zod"),
      );
      const globals = file.uses.filter(({ name }) => DOM_GLOBALS.has(name) || NODE_GLOBALS.has(name));
      return [...found.map(importFault), ...outside.map(importFault), ...globals.map(useFault)];
    },
  },
  {
    id: "schema-stays-out-of-the-client",
    text: "the main entry of protocol needs the schema for its types only, so that no client carries the validator",
    check: (file) => {
      if (layerOf(file.path) !== "protocol" || isTestFile(file.path)) return [];
      return file.imports
        .filter((entry) => !entry.isType && layerIs(entry, "protocol-schema"))
        .map(importFault);
    },
  },
  {
    id: "client-needs-only-protocol",
    text: "client imports only the main entry of @tachikoma/protocol (and what it declares as peer), and nothing of Node",
    check: (file, { peersOf }) => {
      if (packageOf(file.path) !== "client") return [];
      const inside = file.imports.filter(
        (entry) => entry.target !== undefined && !["client", "protocol"].includes(packageOf(entry.target)),
      );
      if (isTestFile(file.path)) return inside.map(importFault);
      const deep = file.imports.filter(
        (entry) => layerIs(entry, "protocol-schema") || isDeepImport(entry, "client"),
      );
      const peers = peersOf("packages/client");
      const outside = file.imports.filter(
        (entry) => isOutside(entry) && !peers.includes(packageName(entry.specifier)),
      );
      const globals = file.uses.filter(({ name }) => NODE_GLOBALS.has(name));
      return [...[...inside, ...deep, ...outside].map(importFault), ...globals.map(useFault)];
    },
  },
  {
    id: "core-is-pure",
    text: "server/core imports only protocol, itself and the types of the store and handler contracts; nothing of Node",
    check: (file) => {
      if (layerOf(file.path) !== "core") return [];
      const isTest = isTestFile(file.path);
      return file.imports
        .filter((entry) => {
          if (entry.target === undefined) return !isTest && isOutside(entry);
          const layer = layerOf(entry.target);
          if (["core", "protocol", "protocol-schema"].includes(layer)) return false;
          // A test of the core runs on a real store; it is the one implementation that needs nothing around it.
          if (isTest && entry.target.startsWith("packages/server/src/stores/memory")) return false;
          return !(CORE_CONTRACTS.has(layer) && entry.isType);
        })
        .map(importFault);
    },
  },
  {
    id: "core-has-no-clock-and-no-dice",
    text: "server/core reads no clock, sets no timer and rolls no dice: they come in as ports",
    check: (file) => {
      if (layerOf(file.path) !== "core" || isTestFile(file.path)) return [];
      return file.uses.filter(({ name }) => isTimeOrChance(name)).map(useFault);
    },
  },
  {
    id: "stores-know-no-surface",
    text: "stores import neither the gateway, nor executions, configuration or the command line",
    check: (file) => {
      if (!["stores", "store-contract"].includes(layerOf(file.path))) return [];
      return file.imports.filter((entry) => layerIs(entry, "gateway", "executions", "cli")).map(importFault);
    },
  },
  {
    id: "adapters-are-surfaces",
    text: "adapters translate: they import protocol, core, the handler contract's types, zod and what routes are made of; no foreign package",
    check: (file) => {
      if (layerOf(file.path) !== "adapters" || isTestFile(file.path)) return [];
      return file.imports
        .filter((entry) => {
          if (entry.target === undefined) return isOutside(entry) && !isNodeOrZod(entry.specifier);
          const layer = layerOf(entry.target);
          if (["adapters", "core", "protocol", "protocol-schema"].includes(layer)) return false;
          if (layer === "gateway") return !isRoutePart(entry);
          return !(CORE_CONTRACTS.has(layer) && entry.isType);
        })
        .map(importFault);
    },
  },
  {
    id: "adapters-are-only-routes",
    text: "only the table of routes and the server's parts know the adapters",
    check: (file) => {
      if (layerOf(file.path) === "adapters" || isTestFile(file.path)) return [];
      if (/^packages\/server\/src\/(gateway\/http\/routes|server-parts)\.ts$/.test(file.path)) return [];
      return file.imports.filter((entry) => layerIs(entry, "adapters")).map(importFault);
    },
  },
  {
    id: "cli-uses-public-api",
    text: "the command line uses what any program could: the server's index, standalone and config, and the client",
    check: (file) => {
      if (layerOf(file.path) !== "cli" || isTestFile(file.path)) return [];
      return file.imports
        .filter((entry) => {
          if (entry.target === undefined) return false;
          const layer = layerOf(entry.target);
          if (layer === "cli" || layer === "config" || layer === "client" || layer === "protocol")
            return false;
          return !/^packages\/server\/src\/(index|version|standalone(\/[^/]+)?)\.ts$/.test(entry.target);
        })
        .map(importFault);
    },
  },
  {
    id: "console-uses-public-api",
    text: "the console uses only the client's and the protocol's public entries",
    check: (file) => {
      if (packageOf(file.path) !== "console") return [];
      return file.imports
        .filter((entry) => {
          if (entry.target === undefined)
            return !isTestFile(file.path) && entry.specifier?.startsWith("node:");
          const name = packageOf(entry.target);
          if (name === "console") return false;
          return !["client", "protocol"].includes(name) || isDeepImport(entry, "console");
        })
        .map(importFault);
    },
  },
  {
    id: "conformance-knows-only-the-protocol",
    text: "the conformance suite judges any server: it imports the main entry of @tachikoma/protocol, ws and Node, and nothing of ours besides",
    check: (file) => {
      if (!file.path.startsWith("conformance/src/")) return [];
      return file.imports
        .filter((entry) => {
          if (entry.target === undefined)
            return !isTestFile(file.path) && isOutside(entry) && !isNodeOrWs(entry.specifier);
          if (entry.target.startsWith("conformance/src/")) return false;
          return layerOf(entry.target) !== "protocol" || isDeepImport(entry, "conformance");
        })
        .map(importFault);
    },
  },
  {
    id: "nothing-imports-the-console",
    text: "nothing imports the console",
    check: (file) => {
      if (packageOf(file.path) === "console") return [];
      return file.imports.filter((entry) => layerIs(entry, "console")).map(importFault);
    },
  },
  {
    id: "packages-know-no-harness",
    text: "what is published imports nothing of the simulation, the chaos trials, the end-to-end tests or the benchmark",
    check: (file) => {
      if (!file.path.startsWith("packages/")) return [];
      return file.imports.filter((entry) => layerIs(entry, "sim", "chaos", "e2e", "bench")).map(importFault);
    },
  },
];

function isTimeOrChance(name) {
  return TIME_AND_CHANCE.has(name.replace(/^globalThis\./, ""));
}

/** An npm package or a built-in module: something that is not in this repository. */
function isOutside(entry) {
  return entry.target === undefined && entry.specifier !== undefined;
}

function isNodeOrZod(specifier) {
  return specifier === "zod" || specifier.startsWith("node:");
}

/** What a route is made of, and for its types how a refusal looks. */
function isRoutePart(entry) {
  const isHttp =
    entry.target.startsWith("packages/server/src/gateway/http/") && !entry.target.endsWith("/routes.ts");
  return (
    isHttp ||
    ADAPTER_SEAM.has(entry.target) ||
    (entry.isType && entry.target === "packages/server/src/gateway/refusal.ts")
  );
}

function isNodeOrWs(specifier) {
  return specifier === "ws" || specifier.startsWith("node:");
}

function layerIs(entry, ...layers) {
  return entry.target !== undefined && layers.includes(layerOf(entry.target));
}

/** Reaches into another package by a path instead of by its name. */
function isDeepImport(entry, ownPackage) {
  if (entry.target === undefined || packageOf(entry.target) === ownPackage) return false;
  return entry.specifier.startsWith(".") || entry.specifier.startsWith("@tachikoma/protocol/");
}

function packageName(specifier) {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}

function importFault(entry) {
  return { line: entry.line, what: `imports ${entry.isType ? "types from " : ""}${entry.specifier}` };
}

function useFault(entry) {
  return { line: entry.line, what: `uses ${entry.name}` };
}
