import type { Contender } from "../contender.ts";
import { AnswerReader } from "../generator/answer-reader.ts";
import { within } from "../generator/link.ts";
import { type Answer, readSseAnswer } from "../generator/sse-answer.ts";
import { Tally } from "../generator/tally.ts";
import { Viewer } from "../generator/viewer.ts";
import type { TokenRun } from "../paced-tokens.ts";
import { wordText } from "../words.ts";
import { isTachikoma, type Outcome, type Work } from "./work.ts";

export interface WireBytesSize {
  readonly tokensPerSec: number;
  readonly tokenCount: number;
}

/** More than the answer takes. */
const PATIENCE_MS = 20_000;

/** One answer in a model's words, one viewer: every byte that the server sends it behind the handshake. */
export function wireBytes({ tokensPerSec, tokenCount }: WireBytesSize): Work {
  return {
    name: `wire-bytes-${tokensPerSec}`,
    title: `Bytes on the wire: one answer of ${tokenCount} tokens at ${tokensPerSec} tokens/s`,
    mainFigure: "wireBytesPerToken",
    isFor: (name) => isTachikoma(name) || name === "ai-sdk-sse",
    run: (contender) => run(contender, { tokenCount, tokensPerSec, text: "words" }),
  };
}

async function run(contender: Contender, tokens: TokenRun): Promise<Outcome> {
  const deadlineMs = PATIENCE_MS + (tokens.tokenCount * 1_000) / tokens.tokensPerSec;
  const read = contender.name === "ai-sdk-sse" ? readSseAnswer : readLoggedAnswer(contender);
  const { text, byteCount } = await read(contender.port, tokens, deadlineMs);
  return {
    figures: { wireBytesPerToken: byteCount / tokens.tokenCount },
    faults: text === wordText(tokens.tokenCount) ? [] : ["the answer is not what the model said"],
  };
}

function readLoggedAnswer(contender: Contender) {
  return async (port: number, tokens: TokenRun, deadlineMs: number): Promise<Answer> => {
    const reader = new AnswerReader();
    const dialect = contender.makeDialect();
    const viewer = new Viewer({ id: "w0", dialect, tally: new Tally(), onText: reader.onText });
    try {
      await viewer.join(port);
      const before = viewer.traffic;
      viewer.send([dialect.runText(tokens)]);
      await within("the end of the answer", reader.ended, { deadlineMs });
      return { text: reader.text, byteCount: viewer.traffic.byteCount - before.byteCount };
    } finally {
      viewer.cut();
    }
  };
}
