/** A page with `useChat` on it, in StrictMode, without a browser: what is shown, and what its user and its browser do. */
import "./page-globals.ts";
import { type UseChatHelpers, useChat } from "@ai-sdk/react";
import { render } from "@testing-library/react";
import type { ChatTransport, UIMessage } from "ai";
import { createElement, StrictMode, useEffect } from "react";
import { eventually } from "./wait.ts";

const STEP_TIMEOUT_MS = 15_000;

export interface Shown {
  readonly status: string;
  readonly error: string;
  readonly roles: readonly string[];
  readonly answer: string;
}

export class ReactChatPage {
  readonly #unmount: () => void;
  #helpers: UseChatHelpers<UIMessage> | undefined;
  #renderCount = 0;
  #mountCount = 0;

  constructor(id: string, transport: ChatTransport<UIMessage>) {
    const Chat = () => {
      this.#helpers = useChat({ id, transport, resume: true });
      this.#renderCount += 1;
      useEffect(() => {
        this.#mountCount += 1;
      }, []);
      return createElement("output", {}, this.#helpers.status);
    };
    this.#unmount = render(createElement(StrictMode, {}, createElement(Chat))).unmount;
  }

  get renderCount(): number {
    return this.#renderCount;
  }

  get shown(): Shown {
    const { status = "", error, messages = [] } = this.#helpers ?? {};
    const answers = messages.filter(({ role }) => role === "assistant").flatMap(({ parts }) => parts);
    return {
      status,
      error: error?.message ?? "",
      roles: messages.map(({ role }) => role),
      answer: answers.map((part) => (part.type === "text" ? part.text : "")).join(""),
    };
  }

  /** StrictMode mounts twice: what is asked of the first mount is stopped with it. */
  async mounted(): Promise<void> {
    await eventually(STEP_TIMEOUT_MS, "the second mount", () => (this.#mountCount >= 2 ? true : undefined));
    await this.until("the page", ({ status }) => status === "ready");
  }

  async until(what: string, isShown: (shown: Shown) => boolean): Promise<Shown> {
    const look = () => (isShown(this.shown) ? this.shown : undefined);
    return eventually(STEP_TIMEOUT_MS, what, look, () => JSON.stringify(this.shown));
  }

  send(text: string): void {
    void this.#helpers!.sendMessage({ text });
  }

  stop(): void {
    void this.#helpers!.stop();
  }

  /** The tab comes to the front. */
  comeBack(): void {
    document.dispatchEvent(new window.Event("visibilitychange"));
  }

  leave(): void {
    this.#unmount();
  }
}
