/**
 * What the demo says: blocks of Markdown, each cut into small pieces. A block is never interrupted, so something can be said
 * between two blocks without tearing a list or a code block apart.
 */
export type DemoBlock = readonly string[];

const MAX_LENGTH = 10_000;
const MAX_ECHO_CHARS = 280;
const NUMBERS_PER_BLOCK = 10;

const INTRODUCTION =
  "This is the built-in demo of Tachikoma, **not a model**; to get real answers, set `backend` of `[executions.NAME]` in " +
  '`tachikoma.toml` to `"openai-compatible"`, `"anthropic"` or `"command"`.';

const BODY = [
  "Nobody thought about this text, but it travels exactly as a model's answer would: each small piece is written to a log " +
    "first and delivered second. That makes a few things worth trying while it is still being written:",
  "- **Refresh the page.** The answer goes on where you were, with nothing missing and nothing twice.\n" +
    "- **Open a second tab.** It catches up and then runs along.\n" +
    "- **Press stop**, here or there. It stops everywhere, and what was written stays.\n" +
    "- **Say something** while it runs: it is taken up between two paragraphs.",
  "Letters that take more than one byte arrive whole: Grüße aus Köln, déjà vu, 攻殻機動隊, здравствуйте, 🕷️ and 👩‍🚀.",
  "A model of your own takes four lines:",
  '```toml\n[executions.chat]\nbackend = "openai-compatible"\nbase_url = "http://127.0.0.1:11434/v1"\nmodel = "llama3.2"\n```',
  "For a longer demo ask me to *count to 200*, or for *500 words*.",
] as const;

const FILLER = [
  "A log is a patient thing: it keeps what it was told, in the order in which it was told, and asks for nothing.",
  "Whoever comes late reads from the beginning; whoever was away reads from where they left.",
  "A slow reader is given larger pieces, not fewer words.",
  "When the line breaks nothing is lost, for the line was never where the answer lived.",
] as const;

export function demoScript(prompt: string): DemoBlock[] {
  const blocks = [paragraph(INTRODUCTION), paragraph(`You wrote: “${excerpt(prompt)}”`)];
  const countTo = requestedNumber(prompt, /\bcount\s+(?:up\s+)?to\s+(\d+)/i);
  if (countTo !== undefined) return [...blocks, ...counting(countTo)];
  const wordCount = requestedNumber(prompt, /\b(\d+)\s+words\b/i);
  if (wordCount !== undefined) return [...blocks, ...filling(wordCount)];
  return [...blocks, ...BODY.map(paragraph)];
}

/** What is said when somebody speaks up while the demo runs. */
export function demoAcknowledgement(text: string): DemoBlock {
  return paragraph(
    `> You added: “${excerpt(text)}” A model would take it from here; the demo only heard you.`,
  );
}

/** The pieces in which a text is streamed: words, with the space that follows them. */
export function demoPieces(text: string): string[] {
  return text.match(/\s*\S+\s*/gu) ?? [];
}

function paragraph(text: string): DemoBlock {
  return demoPieces(`${text}\n\n`);
}

function requestedNumber(prompt: string, pattern: RegExp): number | undefined {
  const digits = pattern.exec(prompt)?.[1];
  return digits === undefined ? undefined : Math.min(MAX_LENGTH, Number(digits));
}

function counting(countTo: number): DemoBlock[] {
  const blocks: string[][] = [];
  for (let first = 1; first <= countTo; first += NUMBERS_PER_BLOCK) {
    const last = Math.min(countTo, first + NUMBERS_PER_BLOCK - 1);
    blocks.push(Array.from({ length: last - first + 1 }, (_, offset) => numberPiece(first + offset, last)));
  }
  return blocks;
}

function numberPiece(number: number, lastOfLine: number): string {
  return number === lastOfLine ? `${number}\n\n` : `${number}, `;
}

function filling(wordCount: number): DemoBlock[] {
  const blocks: DemoBlock[] = [];
  for (let remaining = wordCount, turn = 0; remaining > 0; turn++) {
    const words = paragraph(FILLER[turn % FILLER.length] ?? FILLER[0]).slice(0, remaining);
    remaining -= words.length;
    blocks.push(words);
  }
  return blocks;
}

/** One line, and not too much of it. */
function excerpt(text: string): string {
  const line = text.replace(/\s+/gu, " ").trim();
  const characters = [...line];
  return characters.length <= MAX_ECHO_CHARS ? line : `${characters.slice(0, MAX_ECHO_CHARS).join("")}…`;
}
