import { isTestFile, layerOf } from "./layers.mjs";

const CONTRACT_NAMES = {
  "store-contract": "stores",
  "handler-contract": "executions",
  "protocol-schema": "protocol",
};

/** The layers and which of them import which, as a mermaid flowchart. Dotted: for types only. */
export function drawLayers(files) {
  const edges = new Map();
  for (const file of files) {
    if (isTestFile(file.path) || !file.path.startsWith("packages/")) continue;
    const from = nameOf(file.path);
    for (const { target, isType } of file.imports) {
      if (target === undefined) continue;
      const to = nameOf(target);
      if (to === from) continue;
      const key = `${from} ${to}`;
      edges.set(key, (edges.get(key) ?? true) && isType);
    }
  }
  const lines = [...edges]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, isTypeOnly]) => {
      const [from, to] = key.split(" ");
      return `    ${from} ${isTypeOnly ? "-.->" : "-->"} ${to}`;
    });
  return ["flowchart TD", ...lines].join("\n");
}

function nameOf(path) {
  const layer = layerOf(path);
  return CONTRACT_NAMES[layer] ?? layer;
}
