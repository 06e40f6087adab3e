/** Components in StrictMode over a client whose network and frames belong to the test. */
import { act, cleanup, render } from "@testing-library/react";
import { createElement, type ReactNode, StrictMode } from "react";
import { onTestFinished } from "vitest";
import { TachikomaProvider } from "../tachikoma-provider.ts";
import { hookFixture } from "./hook-fixture.ts";

export function hookPage() {
  const fixture = hookFixture(act);
  const { client } = fixture;
  onTestFinished(cleanup);
  return Object.assign(fixture, {
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
  });
}
