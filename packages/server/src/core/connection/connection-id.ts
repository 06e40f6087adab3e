/** Names of connections. They tell which node has one, so that what is posted for it finds its way. */

const SEPARATOR = "-";

/** @param name has no hyphen in it, like that of a node */
export function connectionIdOf(nodeId: string, name: string): string {
  return `${nodeId}${SEPARATOR}${name}`;
}

/** `undefined` for what cannot be the id of a connection. */
export function nodeOfConnection(connectionId: string): string | undefined {
  return /^([0-9a-z]+)-[0-9a-z]+$/.exec(connectionId)?.[1];
}
