/** Chunks in any order, also in orders in which no model would give them. */
import type { Chunk } from "@tachikoma/protocol";
import fc from "fast-check";

const id = fc.constantFrom("a", "b");
const text = fc.string({ unit: "binary", maxLength: 6 });
const type = <const Type extends string>(name: Type) => fc.constant(name);
const call = { toolCallId: id, toolName: fc.constant("tool") };

export const arbitraryChunk: fc.Arbitrary<Chunk> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: type("text-delta"), id, delta: text }) },
  { weight: 3, arbitrary: fc.record({ type: type("reasoning-delta"), id, delta: text }) },
  fc.record({ type: type("text-start"), id }),
  fc.record({ type: type("text-end"), id }),
  fc.record({ type: type("reasoning-start"), id }),
  fc.record({ type: type("reasoning-end"), id }),
  fc.record({ type: type("tool-input-start"), ...call }),
  fc.record({ type: type("tool-input-delta"), toolCallId: id, inputTextDelta: text }),
  fc.record({ type: type("tool-input-available"), ...call, input: fc.json() }),
  fc.record({ type: type("tool-input-error"), ...call, errorText: text }),
  fc.record({ type: type("tool-output-available"), toolCallId: id, output: fc.json() }),
  fc.record({ type: type("tool-output-error"), toolCallId: id, errorText: text }),
  fc.record({ type: type("tool-output-denied"), toolCallId: id }),
  fc.record({ type: type("start-step") }),
  fc.record({ type: type("finish-step") }),
  fc.record({ type: type("reset-step") }),
  fc.record({ type: type("data-note"), data: text }),
);
