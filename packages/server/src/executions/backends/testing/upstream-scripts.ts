/** Events as the two families of endpoints send them. For tests. */

export const openAi = {
  event: (body: unknown) => `data: ${JSON.stringify(body)}\n\n`,
  delta: (delta: object) => openAi.choice({ delta, finish_reason: null }),
  text: (content: string) => openAi.delta({ content }),
  finish: (finishReason: string) => openAi.choice({ delta: {}, finish_reason: finishReason }),
  choice: (choice: object) =>
    openAi.event({ id: "c1", object: "chat.completion.chunk", choices: [{ index: 0, ...choice }] }),
  usage: (inputTokens: number, outputTokens: number) =>
    openAi.event({
      choices: [],
      usage: {
        prompt_tokens: inputTokens,
        completion_tokens: outputTokens,
        total_tokens: inputTokens + outputTokens,
      },
    }),
  error: (type: string, message: string) => openAi.event({ error: { type, message, code: null } }),
  done: "data: [DONE]\n\n",
  /** A whole answer. */
  answer: (...texts: string[]) => [
    ...texts.map((text) => openAi.text(text)),
    openAi.finish("stop"),
    openAi.usage(7, texts.length),
    openAi.done,
  ],
};

export const claude = {
  event: (body: { readonly type: string; readonly [field: string]: unknown }) =>
    `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`,
  start: (inputTokens: number) =>
    claude.event({
      type: "message_start",
      message: { id: "m1", role: "assistant", usage: { input_tokens: inputTokens, output_tokens: 1 } },
    }),
  blockStart: (index: number, block: object) =>
    claude.event({ type: "content_block_start", index, content_block: block }),
  blockDelta: (index: number, delta: object) => claude.event({ type: "content_block_delta", index, delta }),
  blockStop: (index: number) => claude.event({ type: "content_block_stop", index }),
  text: (text: string, index = 0) => claude.blockDelta(index, { type: "text_delta", text }),
  stopReason: (stopReason: string, outputTokens: number) =>
    claude.event({
      type: "message_delta",
      delta: { stop_reason: stopReason },
      usage: { output_tokens: outputTokens },
    }),
  error: (type: string, message: string) => claude.event({ type: "error", error: { type, message } }),
  stop: `event: message_stop\ndata: {"type":"message_stop"}\n\n`,
  /** A whole answer. */
  answer: (...texts: string[]) => [
    claude.start(7),
    claude.blockStart(0, { type: "text", text: "" }),
    ...texts.map((text) => claude.text(text)),
    claude.blockStop(0),
    claude.stopReason("end_turn", texts.length),
    claude.stop,
  ],
};
