import { connect } from "@tachikoma/client";
import { within } from "../../e2e/support/wait.ts";
import {
  byteByByte,
  MockUpstream,
  type ScriptedResponse,
} from "../../packages/server/src/executions/backends/testing/mock-upstream.ts";
import { openAi } from "../../packages/server/src/executions/backends/testing/upstream-scripts.ts";
import type { Dice } from "../../sim/dice.ts";
import type { Trial } from "../trial/trial.ts";
import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

type Answer = ScriptedResponse | "cut" | "hang";

const END_TIMEOUT_MS = 20_000;
/** As often as the backend asks for one answer. */
const ATTEMPT_COUNT = 3;
const LONG_LINE_CHARS = 2_000_000;
const HOSTILE_IDS = ["__proto__", "constructor", "\u0000", "\ud800", '"}],"x":[{"', "a".repeat(10_000)];

export const upstreamBroken: FaultClass = {
  name: "upstream-broken",
  title:
    "Model endpoint: cut, hang without a byte, 429 and 5xx, malformed events, endless lines, hostile ids",
  injection: "a model endpoint that answers by script, behind the OpenAI-compatible backend",
  holds: ["C12", "C14", "C15"],
  releaseRoundCount: 2_000,
  roundsPerTrial: 20,
  cluster: anyDurableStore,
  async prepare(trial) {
    const upstream = await MockUpstream.start();
    upstreams.set(trial, upstream);
    return () => upstream.close();
  },
  async round(trial, dice) {
    const upstream = upstreams.get(trial)!;
    const node = dice.pick(trial.cluster.nodes);
    await node.tell({ kind: "upstream", url: `${upstream.baseUrl}/v1` });
    const answer = scripts[dice.between(0, scripts.length - 1)]!(dice);
    upstream.script(...Array.from({ length: ATTEMPT_COUNT }, () => answer));
    await executeOnce(trial, `ws://127.0.0.1:${node.entry.port}`, dice);
    upstream.forgetScript();
  },
};

const upstreams = new WeakMap<Trial, MockUpstream>();

/** It ends, and says why in the words of the catalogue. */
async function executeOnce(trial: Trial, url: string, dice: Dice): Promise<void> {
  const client = connect(url, { clientId: `asker-${dice.random.id(6)}` });
  try {
    const channel = dice.pick(trial.channels);
    const execution = client.channel(channel).execute("upstream", {
      messages: [{ role: "user", content: "Anybody there?" }],
    });
    const end = await within(END_TIMEOUT_MS, "the end of an execution", execution.ended);
    if (end.error !== undefined)
      trial.recorder.write({ kind: "call.fail", call: "execute upstream", code: end.error.code });
  } finally {
    client.close();
  }
}

const partOfAnswer = (dice: Dice) => [openAi.text(dice.random.id(8)), openAi.text(dice.random.id(8))];

const scripts: readonly ((dice: Dice) => Answer)[] = [
  () => "cut",
  () => "hang",
  (dice) => ({ status: dice.pick([429, 500, 502, 503]), steps: ["no"] }),
  (dice) => ({ status: dice.pick([400, 401, 404]), steps: ["{"] }),
  (dice) => ({ steps: [...partOfAnswer(dice), "cut"] }),
  (dice) => ({ steps: [...partOfAnswer(dice), "reset"] }),
  (dice) => ({ steps: [...partOfAnswer(dice), "hang"] }),
  (dice) => ({ steps: [...partOfAnswer(dice), "data: {not json\n\n", openAi.done] }),
  (dice) => ({ steps: [...partOfAnswer(dice), `data: ${"x".repeat(LONG_LINE_CHARS)}`, "hang"] }),
  (dice) => ({ steps: [...partOfAnswer(dice), openAi.error("server_error", "out of order"), openAi.done] }),
  (dice) => ({ steps: [hostileCall(dice.pick(HOSTILE_IDS)), openAi.finish("tool_calls"), openAi.done] }),
  (dice) => ({ steps: byteByByte(openAi.answer(dice.random.id(4), "\u00fc\u20ac\u{1f600}").join("")) }),
  (dice) => ({ steps: openAi.answer(dice.random.id(8), dice.random.id(8)) }),
];

function hostileCall(id: string): string {
  return openAi.delta({
    tool_calls: [{ index: 0, id, type: "function", function: { name: id, arguments: "{}" } }],
  });
}
