import type { Dice } from "../../sim/dice.ts";
import { tokenFor } from "../node/permissions.ts";
import type { Trial } from "../trial/trial.ts";
import { Gate } from "../workload/gate.ts";
import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

const TOKEN_EXPIRED = 4001;
const MAX_TOKEN_LIFE_MS = 800;

export const permissionLost: FaultClass = {
  name: "permission-lost",
  title: "Token expired or grant revoked, during an absence or in mid-stream",
  injection:
    "a client is kept out while its permission for a channel is taken, or gets tokens that end within a second",
  holds: ["C7", "C15"],
  releaseRoundCount: 2_000,
  roundsPerTrial: 10,
  cluster: (dice) => ({ ...anyDurableStore(dice), areTokensNeeded: true }),
  trial: { load: { shares: { subscribe: 0, unsubscribe: 0 } } },
  // That it loses the channel is what is done to the client.
  excuses: ["client-closed", "client-error", "subscription-lost"],
  async round(trial, dice) {
    if (dice.chance(0.5)) await revoke(trial, dice);
    else await expire(trial, dice);
  },
};

async function revoke(trial: Trial, dice: Dice): Promise<void> {
  const { recorder, cluster } = trial;
  const actor = dice.pick(trial.actors);
  const channel = trial.channels[0]!;
  const told = { session: actor.name, stream: `default/${channel}` };
  const permit = (isAllowed: boolean) =>
    Promise.all(
      cluster.nodes.map((node) =>
        node.tell({ kind: "permission", clientId: actor.name, channel, isAllowed }),
      ),
    );
  const gate = await Gate.open(trial, actor.name);
  try {
    gate.shut();
    await permit(false);
    recorder.write({ kind: "revoke", ...told });
    await trial.untilBusy(dice);
    gate.letIn();
    await trial.until("the client to be back", () => actor.isOnline);
    // Long enough for something to be published that it must not get.
    await trial.untilBusy(dice);
    actor.unsubscribe(channel);
    await permit(true);
    recorder.write({ kind: "grant", ...told });
    actor.subscribe(channel);
    await trial.until("the channel to be followed again", () => actor.standings().has(channel));
  } finally {
    await gate.remove();
  }
}

async function expire(trial: Trial, dice: Dice): Promise<void> {
  const actor = dice.pick(trial.actors);
  const lifeMs = dice.between(100, MAX_TOKEN_LIFE_MS);
  const closedCount = () =>
    trial.network.closed.filter(({ client, code }) => client === actor.name && code === TOKEN_EXPIRED).length;
  const beforeCount = closedCount();
  const usual = trial.network.tokenOf;
  trial.network.tokenOf = (name) => (name === actor.name ? tokenFor(name, Date.now() + lifeMs) : usual(name));
  for (const socket of trial.network.socketsOf(actor.name)) socket.terminate();
  await trial.until("the token to expire", () => closedCount() > beforeCount);
  trial.network.tokenOf = usual;
}
