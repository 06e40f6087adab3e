/** A client whose network belongs to the test, and frames that come when the test says so, for whichever React. */
import { onTestFinished, vi } from "vitest";
import { clientFixture, settle, subscribed, welcome } from "../../testing/client-fixture.ts";
import type { FakeSocket, WireMessage } from "../../testing/fake-network.ts";

const FRAME_MS = 16;
const LONGER_THAN_GRACE_MS = 60;

export function hookFixture(act: (run: () => Promise<void>) => PromiseLike<void>) {
  // What waits for a frame or for the end of a grace waits for the test; promises go on by themselves.
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame", "cancelAnimationFrame"],
  });
  const fixture = clientFixture();
  const { network, client } = fixture;
  onTestFinished(async () => {
    client.close();
    await settle();
    // The frame that is awaited is one for all tests of a file.
    vi.runAllTimers();
    await settle();
    vi.runAllTimers();
    vi.useRealTimers();
  });
  network.last.receive(welcome());
  const after = (ms: number) =>
    act(async () => {
      await settle();
      vi.advanceTimersByTime(ms);
      await settle();
    });
  return {
    ...fixture,
    act,
    frame: () => after(FRAME_MS),
    afterGrace: () => after(LONGER_THAN_GRACE_MS),
    get socket(): FakeSocket {
      return network.last;
    },
    /** Answers the newest `subscribe`. */
    confirm(seq: number): WireMessage {
      const asked = network.last.sentOf("subscribe").at(-1)!;
      network.last.receive(subscribed(asked, seq));
      return asked;
    },
  };
}
