/**
 * Files that import each other in a circle: one circle for each strongly connected group, as the shortest path that closes.
 * `graph` maps a path to the paths it imports.
 */
export function findImportCycles(graph) {
  return stronglyConnected(graph)
    .filter((group) => group.length > 1 || graph.get(group[0]).includes(group[0]))
    .map((group) => shortestCircle(graph, group));
}

/** Tarjan's algorithm, without recursion: import chains can be deep. */
function stronglyConnected(graph) {
  const indexes = new Map();
  const lows = new Map();
  const onStack = new Set();
  const stack = [];
  const groups = [];
  for (const root of graph.keys()) {
    if (indexes.has(root)) continue;
    const work = [{ node: root, next: 0 }];
    while (work.length > 0) {
      const frame = work[work.length - 1];
      const { node } = frame;
      if (frame.next === 0) {
        indexes.set(node, indexes.size);
        lows.set(node, indexes.get(node));
        stack.push(node);
        onStack.add(node);
      }
      const targets = graph.get(node) ?? [];
      if (frame.next < targets.length) {
        const target = targets[frame.next];
        frame.next += 1;
        if (!graph.has(target)) continue;
        if (!indexes.has(target)) work.push({ node: target, next: 0 });
        else if (onStack.has(target)) lows.set(node, Math.min(lows.get(node), indexes.get(target)));
        continue;
      }
      work.pop();
      const parent = work.at(-1)?.node;
      if (parent !== undefined) lows.set(parent, Math.min(lows.get(parent), lows.get(node)));
      if (lows.get(node) !== indexes.get(node)) continue;
      const group = stack.splice(stack.indexOf(node));
      for (const member of group) onStack.delete(member);
      groups.push(group);
    }
  }
  return groups;
}

function shortestCircle(graph, group) {
  const members = new Set(group);
  const start = [...group].sort()[0];
  const cameFrom = new Map();
  const queue = [start];
  while (queue.length > 0) {
    const node = queue.shift();
    for (const target of graph.get(node) ?? []) {
      if (target === start) return pathTo(cameFrom, start, node);
      if (!members.has(target) || cameFrom.has(target)) continue;
      cameFrom.set(target, node);
      queue.push(target);
    }
  }
  return [start];
}

function pathTo(cameFrom, start, end) {
  const path = [end];
  while (path[0] !== start) path.unshift(cameFrom.get(path[0]));
  return path;
}
