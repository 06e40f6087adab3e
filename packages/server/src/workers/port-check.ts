import { type AddressInfo, createServer } from "node:net";

/**
 * Finds out whether the address can be listened on, and which port `0` is, before any process is started for it. All workers then get
 * the same number: one that is started again has to find the port of the others.
 */
export async function checkedPort(host: string, port: number): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen({ host, port, exclusive: true }, resolve);
  });
  const { port: found } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return found;
}
