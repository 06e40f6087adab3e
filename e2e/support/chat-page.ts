/** The playground in one tab, in the words of the person in front of it. */
import type { Locator, Page } from "playwright-core";

export type AnswerState = "running" | "completed" | "failed" | "cancelled" | "interrupted";

export class ChatPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(page: Page, url: string): Promise<ChatPage> {
    await page.goto(url);
    const chat = new ChatPage(page);
    await chat.linkIs("online");
    return chat;
  }

  at(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  async ask(question: string): Promise<void> {
    await this.at("composer-input").fill(question);
    await this.at("send").click();
  }

  async linkIs(state: "connecting" | "online" | "waiting" | "offline" | "closed"): Promise<void> {
    await this.page.locator(`[data-testid=link-state][data-state=${state}]`).waitFor();
  }

  async answerIs(state: AnswerState): Promise<void> {
    await this.page.locator(`[data-testid=answer][data-state=${state}]`).last().waitFor();
  }

  /** Waits until the answer has come this far, and is still being written. */
  async reads(text: string): Promise<void> {
    await this.page.locator("[data-testid=answer][data-state=running]", { hasText: text }).last().waitFor();
  }

  /** The text of the newest answer, without what is said about it. */
  async answerText(): Promise<string> {
    const paragraphs = this.at("answer").last().locator(":scope > :not(.message-meta)");
    return (await paragraphs.allInnerTexts()).join("\n");
  }

  /** What was counted, after the repetition of the question. */
  async countedNumbers(): Promise<number[]> {
    const [, counted = ""] = (await this.answerText()).split("”");
    return (counted.match(/\d+/g) ?? []).map(Number);
  }

  async number(testId: string): Promise<number> {
    return Number(await this.at(testId).textContent());
  }

  /** Channel of the chat that the address names. */
  get channel(): string {
    return `chat:${new URL(this.page.url()).hash.replace("#/chat/", "")}`;
  }

  async executionId(): Promise<string> {
    return (await this.at("answer").last().getAttribute("data-execution-id"))!;
  }
}
