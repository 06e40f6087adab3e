import { within } from "../../../gateway/websocket/testing/deadline.ts";
import type { TestServer } from "../../../testing/test-server.ts";

/** Resolves when the server has noticed that nobody reads any more. */
export function untilUnwatched(server: TestServer): Promise<void> {
  const look = async () => {
    while (!/^tachikoma_cursors 0$/m.test((await server.http("/metrics")).text)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return within("the server to notice", look());
}
