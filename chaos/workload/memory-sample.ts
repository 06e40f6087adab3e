/** The memory of a node as operators see it, in its metrics. Nodes with a journal also write down what their heap takes. */
const RESIDENT = /^process_resident_memory_bytes (\d+(?:\.\d+)?(?:e\+\d+)?)$/m;
const TIMEOUT_MS = 2_000;

/** `undefined` while the node does not answer. */
export async function residentBytes(nodeUrl: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${nodeUrl}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const [, bytes] = RESIDENT.exec(await response.text()) ?? [];
    return bytes === undefined ? undefined : Number(bytes);
  } catch {
    return undefined;
  }
}
