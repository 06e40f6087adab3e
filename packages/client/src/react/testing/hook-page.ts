/** Components in StrictMode over a client whose network belongs to the test, and frames that come when the test says so. */
import { act, cleanup, render } from "@testing-library/react";
import { createElement, type ReactNode, StrictMode } from "react";
import { onTestFinished, vi } from "vitest";
import { clientFixture, settle, subscribed, welcome } from "../../testing/client-fixture.ts";
import type { FakeSocket, WireMessage } from "../../testing/fake-network.ts";
import { TachikomaProvider } from "../tachikoma-provider.ts";

const LONGER_THAN_GRACE_MS = 60;

export function hookPage() {
  // What waits for a frame or for the end of a grace waits for the test; promises go on by themselves.
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame", "cancelAnimationFrame"],
  });
  const fixture = clientFixture();
  const { network, client } = fixture;
  onTestFinished(async () => {
    cleanup();
    client.close();
    await settle();
    // The frame that is awaited is one for all tests of a file.
    vi.runAllTimers();
    await settle();
    vi.runAllTimers();
    vi.useRealTimers();
  });
  network.last.receive(welcome());

  const frame = () =>
    act(async () => {
      await settle();
      vi.advanceTimersByTime(16);
      await settle();
    });

  return {
    ...fixture,
    frame,
    get socket(): FakeSocket {
      return network.last;
    },
    /** Shows what a hook gives, and how often it was rendered. */
    show<Shown, Input = undefined>(useShown: (input: Input) => Shown, input?: NoInfer<Input>) {
      const seen: { shown: Shown | undefined; renderCount: number } = { shown: undefined, renderCount: 0 };
      const Show = (props: { readonly input: Input }) => {
        seen.shown = useShown(props.input);
        seen.renderCount += 1;
        return null;
      };
      const page = (next: Input): ReactNode =>
        createElement(
          StrictMode,
          {},
          createElement(TachikomaProvider, { client }, createElement(Show, { input: next })),
        );
      const { rerender, unmount } = render(page(input as Input));
      return {
        get shown(): Shown {
          return seen.shown as Shown;
        },
        /** Of which StrictMode makes two each time. */
        get renderCount(): number {
          return seen.renderCount;
        },
        with: (next: Input) => rerender(page(next)),
        unmount,
      };
    },
    /** Answers the newest `subscribe`. */
    confirm(seq: number, fields: Record<string, unknown> = {}): WireMessage {
      const asked = network.last.sentOf("subscribe").at(-1)!;
      network.last.receive(subscribed(asked, seq, fields));
      return asked;
    },
    async afterGrace(): Promise<void> {
      await act(async () => {
        vi.advanceTimersByTime(LONGER_THAN_GRACE_MS);
        await settle();
      });
    },
  };
}
